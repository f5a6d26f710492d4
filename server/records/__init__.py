"""Statutory forms as PDF: 签到表, 考场情况记录表, 座次表, 成绩汇总表.

    reading    what the forms are filled from: entries, sittings, incidents, staff acts
    sheets     pure: plain data -> cells -> PDF bytes, one function a form
    typeset    Typst and the Chinese fonts of the machine; `forms/*.typ` are the templates
    routes     /exams/{id}/records and /records/{id}/*.pdf

This slice reads of everything below it, the live board's register of incidents included; nothing imports it but `app`.
"""
