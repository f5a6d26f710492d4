"""Mistakes a person could make in the rules, the fold and the writer: each a small change of one file's text, by name.

`old` must stand exactly once in the file: a mutation that does not apply any more is an error, not a success.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    """`module` is loaded with `old` replaced by `new`. `database`: where alone it can be seen."""

    name: str
    module: str
    old: str
    new: str
    database: str = "sqlite"


def _in(module: str, *rows: tuple[str, str, str], database: str = "sqlite") -> list[Mutation]:
    return [Mutation(name, f"server.sitting.{module}", old, new, database) for name, old, new in rows]


RULES = [
    *_in(
        "operations",
        ("repeats_are_not_compared", 'return "ok" if _stored(epoch, op, seen) else "fork"', 'return "ok"'),
        ("a_gap_is_taken", "op.op != sitting.ack + 1:", "False:"),
        ("an_end_is_forgotten", "if sitting.state == ENDED or op.op", "if op.op"),
        ("late_is_taken", 'return "late"', "pass"),
        ("late_also_in_a_pause", "draft.at - closing if sitting.state == OPEN else 0", "draft.at - closing"),
        ("grace_use_is_not_noted", "    if over_ms > 0:\n        data", "    if over_ms > 1e12:\n        data"),
        ("hand_in_too_early", "elif draft.at < (sitting.hand_in_at or 0):", "elif draft.at < (sitting.hand_in_at or 0) - 1:"),
        ("hand_in_boundary", "elif draft.at < (sitting.hand_in_at or 0):", "elif draft.at <= (sitting.hand_in_at or 0):"),
        ("items_beyond_the_paper", "if op.item > sitting.total:", "if op.item > sitting.total + 1:"),
        ("older_epochs_are_live", "command.epoch < sitting.epoch or other_device", "other_device"),
        ("other_pcs_may_write", "if command.epoch < sitting.epoch or other_device:", "if command.epoch < sitting.epoch:"),
        (
            "future_epochs_are_live",
            'if command.epoch > sitting.epoch:\n        return draft.answer("fork")  # numbers',
            'if command.epoch > sitting.epoch + 1:\n        return draft.answer("fork")  # numbers',
        ),
        ("fenced_goes_to_the_bin", 'not _stored(command.epoch, op, seen)], "fenced")', 'False], "fenced")'),
        ("fenced_repeats_are_kept_too", 'not _stored(command.epoch, op, seen)], "fenced")', 'True], "fenced")'),
        ("forks_go_to_the_bin", '("late", "closed", "fork")', '("late", "closed")'),
        ("late_goes_to_the_bin", '("late", "closed", "fork")', '("closed", "fork")'),
        ("only_the_first_is_kept", "for rest in command.ops[position:]", "for rest in command.ops[position : position + 1]"),
        ("late_under_a_hold", "late and draft.hold is None and not sitting.held:", "late and not sitting.held:"),
        ("held_out_of_order", "    if late or sitting.held:", "    if late:"),
        ("age_is_not_kept", "if op.dt_ms else {}", "if op.dt_ms > 1 else {}"),
    ),
    *_in(
        "times",
        ("late_boundary", "return at > closing + grace_ms", "return at >= closing + grace_ms"),
        ("no_grace", "return at > closing + grace_ms", "return at > closing"),
        ("extra_time_is_lost", "return start + duration_ms + extra_ms", "return start + duration_ms"),
        ("late_entrants_get_full_time", "start = now if full_time else bell_at", "start = now"),
        ("one_person_may_give_more", "SOLO_CREDIT_MS = 5 * 60_000", "SOLO_CREDIT_MS = 5 * 60_000 + 1"),
    ),
    *_in(
        "rules",
        ("closed_before_the_grace", "sitting.closes_at or 0, sitting.grace_ms)", "sitting.closes_at or 0, 0)"),
        ("paused_are_closed", "due = sitting.state == OPEN and ", "due = sitting.state in (OPEN, 'paused') and "),
        ("before_the_bell", "draft.at < bell_at:", "draft.at < bell_at - 60_000:"),
        ("latest_entry_ignored", "and not sitting.admit_late and draft.hold is None:", "and False:"),
        ("latest_entry_boundary", "if draft.at > bell_at + terms", "if draft.at >= bell_at + terms"),
        ("identity_not_asked", "if terms.identity_check and sitting.identity_at is None:", "if False:"),
        ("any_pc_opens", 'return draft.answer("other_device")\n    if sitting.page', "pass\n    if sitting.page"),
        ("a_resent_page_is_new", "if sitting.page != command.page:", "if True:"),
        ("closed_under_a_hold", "and draft.hold is None and not sitting.held\n", "and not sitting.held\n"),
        ("late_entry_under_a_hold", "not sitting.admit_late and draft.hold is None:", "not sitting.admit_late:"),
        ("absent_at_once", "draft.at > terms.bell_at + terms.latest_entry_ms", "draft.at > terms.bell_at"),
        ("facts_change_after_opening", "same or sitting.state not in (ADMITTED, WAITING)", "same"),
    ),
    *_in(
        "decisions",
        ("time_runs_backwards", "self.at = max(sitting.last_at, at)", "self.at = at"),
        ("the_argument_is_changed", "= sitting.__copy__()", "= sitting"),
    ),
    *_in(
        "acts",
        ("one_person_is_two", "(second.kind, second.id) != (first.kind, first.id) and", ""),
        ("credit_after_the_end_alone", "(over or sitting.state in (ENDED, ABSENT))", "over"),
        ("paused_past_closing", "if times.is_late(draft.at, sitting.closes_at or 0, 0):", "if False:"),
        ("take_over_does_not_fence", "epoch = sitting.epoch + 1 if sitting.epoch else 0", "epoch = sitting.epoch"),
        (
            "two_ends",
            '    if sitting.state == ENDED:\n        return draft.answer("ok" if sitting.end_kind',
            '    if False:\n        return draft.answer("ok" if sitting.end_kind',
        ),
        (
            "reopened_by_one",
            'command.second is None:\n        return draft.answer("needs_second")\n    if not 0',
            "False:\n        pass\n    if not 0",
        ),
    ),
    *_in(
        "state",
        ("pauses_are_not_added", "sitting.closes_at += max(0, at - sitting.stopped_at)", "pass"),
        ("credits_are_not_added", "        sitting.closes_at += ms", "        pass"),
        ("solo_credits_not_summed", "        sitting.solo_ms += ms", "        sitting.solo_ms = ms"),
        (
            "a_new_page_keeps_its_numbers",
            "    sitting.epoch = event.epoch\n    sitting.ack = 0\n    sitting.device = event",
            "    sitting.epoch = event.epoch\n    sitting.device = event",
        ),
        ("blank_counts_as_answered", 'bool(event.data["value"]))\n\n\ndef _flagged', "True)\n\n\ndef _flagged"),
        ("the_receipt_stays", "    sitting.receipt = None\n    if", "    if"),
        ("voided_get_a_receipt", 'if event.kind != "voided" and sitting', "if sitting"),
        ("old_pc_is_not_barred", "sitting.barred = sitting.device", "sitting.barred = None"),
        ("end_beyond_closing", "sitting.stopped_at = min(event.at, sitting.closes_at)", "sitting.stopped_at = event.at"),
    ),
    *_in(
        "held",
        ("outages_credited_twice", "if any(outage == command.outage_id for", "if any(outage is None for"),
        ("outage_limit_starts_anew", "command.limit_ms - sitting.outage_ms", "command.limit_ms"),
        ("a_withdrawal_reaches_back", "min(standing, max(0, sitting.closes_at - now))", "standing"),
        ("withdrawn_by_one", "standing > times.SOLO_CREDIT_MS and not two", "False"),
        (
            "judged_under_a_hold",
            '    if draft.hold is not None:\n        return draft.answer("held")\n    waiting',
            "    waiting",
        ),
        ("judged_late_counts", "if not _late(sitting, held)]", "]"),
        ("judged_late_goes_to_the_bin", "    draft.quarantine += [Quar", "    [Quar"),
    ),
    *_in("events", ("chains_can_be_moved", '{exam_session_id}/{entry_no}".encode()', '{exam_session_id}".encode()')),
]

WRITER = [
    *_in(
        "writer",
        (
            "answers_before_the_commit",
            "        self.store.commit(connection)\n        return",
            "        _answer(jobs, outcomes)\n        self.store.commit(connection)\n        return",
        ),
        (
            "a_failed_commit_is_a_success",
            "        self.store.commit(connection)\n",
            "        try:\n            self.store.commit(connection)\n        except Exception:\n            self.batches += 0\n",
        ),
        ("failures_are_answered_ok", '[Outcome("failed" if kind == "data" else "storage")]', "[Outcome('ok')]"),
        ("nothing_is_rolled_back", "                self._roll_back(error)\n", ""),
        ("a_poisoned_batch_fails_whole", 'if kind == "data" and len(jobs) > 1:', "if False:"),
        (
            "half_a_bisection",
            "            self._write(jobs[middle:])\n",
            "            _answer(jobs[middle:], [Outcome('failed')] * len(jobs[middle:]))\n",
        ),
        ("locks_are_not_waited_for", 'if kind == "retry":', "if False:"),
        (
            "a_dead_connection_is_kept",
            '        if kind == "storage":\n            self._drop_connection()\n',
            '        if kind == "storage":\n',
        ),
        ("the_queue_has_no_end", "if len(self._queue) >= self.capacity:", "if False:"),
        ("stopping_takes_more", '            if self._stopping:\n                return Outcome("shutdown")\n', ""),
    ),
    *_in(
        "batch",
        ("mates_do_not_see_each_other", "            self.now[key] = decision.sitting\n", ""),
        ("repeats_are_not_looked_up", "or command.ops[0].op <= sitting.ack", "or False"),
        ("old_epochs_are_not_looked_up", "(command.epoch < sitting.epoch or command.ops[0].op", "(command.ops[0].op"),
        ("repeats_within_a_batch", "self.seen.setdefault(key, {})[event.epoch, event.op] = content_of(event)", "pass"),
        ("quarantine_is_not_stored", "        if self.kept:\n", "        if False:\n"),
        ("audit_is_not_stored", "        if self.acts:\n", "        if False:\n"),
        ("admission_is_not_noted", "        if self.admitted:\n", "        if False:\n"),
        ("loud_changes_saved_as_quiet", "elif before.version == sitting.version:", "elif True:"),
    ),
    *_in(
        "sql",
        ("a_column_is_forgotten", '"reports", "answered", "flagged"]', '"answered", "flagged"]'),
        ("a_kept_state_is_never_old", "sitting.head == head and sitting.n == n and sitting.version == version", "True"),
        ("admitted_again", " AND admitted_n IS NULL", ""),
    ),
    *_in("store", ("readers_and_writers_begin_alike", 'begins = "BEGIN IMMEDIATE"', 'begins = "BEGIN"')),
    *_in(
        "store",
        ("rows_are_not_locked", 'FOR NO KEY UPDATE OF s" if lock', '" if lock'),
        ("a_rolled_back_commit_is_believed", 'if cursor.statusmessage != "COMMIT":', "if False:"),
        ("locks_are_waited_for_ever", "\"lock_timeout = '300ms'\", ", ""),
        database="postgresql",
    ),
]

TIME = [
    *_in(
        "times",
        ("the_time_before_the_opening_too", "gap.until - max(gap.since, opened_at)", "gap.until - gap.since"),
        ("no_minute_to_come_back", "max(lost, gap.until + RETURN_MS - closing)", "lost"),
        (
            "the_minute_beyond_the_limit",
            "return min(max(lost, gap.until + RETURN_MS - closing), gap.limit_ms)",
            "return max(lost, gap.until + RETURN_MS - closing)",
        ),
        ("an_outage_after_the_end", "if closing + grace_ms <= gap.since or (", "if ("),
    ),
    *_in(
        "vigil",
        ("an_old_record_holds_nothing", "if self._strict and self._silent_ms() > GAP_MS:", "if False:"),
        ("nobody_is_held_until_credited", "if exam_session_id in self._held:", "if False:"),
        ("a_suspect_clock_holds_nothing", 'return "clock" if self.doubt.suspect is not None else None', "return None"),
        ("only_its_own_word", "select(col(Liveness.last_at)).order_by(", "select(col(Liveness.last_at)).where(mine).order_by("),
        ("a_gap_at_a_start_is_not_seen", "START_GAP_MS if first else GAP_MS)", "GAP_MS)"),
        (
            "others_outages_are_not_seen",
            "            found = outages.waiting(db)\n",
            "            found = list(self.uncredited)\n",
        ),
        ("it_never_says_alive", "            if self._silent_ms() >= BEAT_S * 1000:\n", "            if False:\n"),
    ),
    *_in(
        "closer",
        ("the_hold_ends_with_answers_queued", "if one in self._credited and self.writer.drained:", "if one in self._credited:"),
        (
            "the_bell_rings_by_a_wrong_clock",
            "                hold is None\n                and exam.bell",
            "                exam.bell",
        ),
        ("what_was_held_is_never_judged", "                    self._judge(exam.id)\n", ""),
    ),
    *_in(
        "outages",
        ("a_failed_credit_ends_the_hold", "return all(outcome.code in DONE for outcome in outcomes)", "return True"),
        ("everybody_is_affected", "where(_somebody_at_work(until))", "where(col(ExamSession.id) > 0)"),
        ("applied_again", "one.exam_session_id), col(OutageEffect.applied_at).is_(None))", "one.exam_session_id))"),
        ("decided_again", "col(OutageEffect.applied_at).is_not(None), col(OutageEffect.decided_at).is_(None)\n", "True\n"),
    ),
    *_in(
        "doubt",
        ("only_the_wall_is_compared", ", abs(self.database_ms - other.database_ms)) >", ", 0) >"),
        ("only_the_database_is_compared", "max(abs(self.wall_ms - other.wall_ms), ", "max(0, "),
        ("two_seconds_are_doubt", ") > SUSPECT_MS", ") >= SUSPECT_MS"),
        ("a_slow_answer_is_the_time", "if after - before > SLOW_ANSWER else", "if False else"),
        ("set_with_people_at_work", 'decision.chosen == "wall" and not _anybody_at_work(db)', 'decision.chosen == "wall"'),
        (
            "a_decision_holds_for_all",
            "if decision is not None and not offsets.far_from(",
            "if decision is not None and (True or ",
        ),
    ),
]

QUICK_WAY = [
    *_in(
        "quick",
        ("the_length_is_not_compared", "if head is None or len(data) != end + head.length:", "if head is None:"),
        ("within_another_message", "return not self._within and (self.cycle", "return (self.cycle"),
        ("before_the_answer_to_another", "(self.cycle is None or self.cycle.response_complete)", "True"),
        (
            "answered_without_the_writer",
            "refused = core.writer.hand_over(command, self._answered, self.loop)",
            "refused = Outcome('ok')",
        ),
        (
            "answered_when_handed_over",
            "        refused = core.writer.hand_over(command, self._answered, self.loop)\n",
            "        refused = core.writer.hand_over(command, lambda _: None, self.loop) or Outcome('ok')\n",
        ),
        ("early_data_is_dropped", "            self._early += data\n", "            pass\n"),
        ("early_data_is_forgotten", "        if self._early:\n            data", "        if False:\n            data"),
        ("early_data_replaces", "            self._early += data\n", "            self._early = data\n"),
        (
            "a_refusal_is_not_told",
            "        if refused is not None:\n            self._answered",
            "        if False:\n            self._answered",
        ),
        (
            "a_stop_cuts_it_off",
            "        if self._asking is not None:\n            self._last = True\n        else:\n            super",
            "        if True:\n            super",
        ),
        ("the_last_one_goes_on", "            self._last = True\n", "            pass\n"),
        ("rest_is_counted_while_asking", "if self._asking is not None or rested < self", "if rested < self"),
        ("foreign_pages_may_save", " or asked.is_foreign:", ":"),
        ("any_content_type", " or not asked.is_json or", " or"),
        ("signs_in_lengths", " or not lengths[0].isdigit()", ""),
        ("two_lengths", "if len(lengths) != 1 or", "if not lengths or"),
        ("chunks_are_overlooked", 'frozenset({b"transfer-encoding", b"expect"', 'frozenset({b"expect"'),
        ("a_close_is_overlooked", 'if name == b"connection" and', 'if name == b"connexion" and'),
        ("odd_names", "not _NAME.fullmatch(name) or ", ""),
        ("control_characters", " or _CONTROL.search(value)", ""),
        ("a_body_of_any_size", "if int(lengths[0]) <= BODY_MAX else None", ""),
    ),
]

PAPER = [
    *_in(
        "shelf",
        (
            "the_order_before_the_bell",
            "now < exam.bell_at:\n            return None\n        place",
            "False:\n            return None\n        place",
        ),
        (
            "the_paper_before_the_bell",
            "now < exam.bell_at:\n            return None\n        return await self._once(self._bodies",
            "False:\n            return None\n        return await self._once(self._bodies",
        ),
        ("a_key_for_any_package", "if not package or package != self.package or", "if not package or"),
        ("any_package_for_anybody", "package is None or package.digest != digest:", "package is None:"),
    ),
    *_in(
        "package",
        ("packages_travel_weeks_before", " and now >= exam.starts_at - BEFORE_MS", ""),
        (
            "packages_of_what_has_run",
            "return may_travel(exam, now) and (exam.bell_at is None or now < exam.bell_at)",
            "return True",
        ),
        ("damaged_bytes_travel", "if data is not None and hashlib.sha256(data).hexdigest() != digest:", "if False:"),
        ("a_release_for_any_place", 'return f"package:{exam_session_id}:{form_id}:{digest}".encode()', 'return b"package"'),
    ),
]

ALL = RULES + WRITER + TIME + QUICK_WAY + PAPER
