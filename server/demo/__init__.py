"""The demo: an institution with its bank, three exam sessions and people to sign in as, made by the product's own functions.

`people` names who there is, `bank` imports the content and makes papers, `exams` holds the exam sessions, `keeper`
keeps the open one alive while the demo runs, `candidates` are the simulated ones.
"""
