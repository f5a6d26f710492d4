"""What the candidates met, from what `loadtests.rehearse` measured."""

from typing import Any

from server.rehearsal.findings import Finding, bad_if, look_if

SAVE_P99_MAX_MS, OPEN_P99_MAX_MS = 500.0, 1_500.0


def performance(measured: dict[str, Any], seats: int) -> list[Finding]:
    """What the candidates met."""
    errors: dict[str, int] = measured["errors"]
    broken = measured["lost"] + measured["unexplained"]
    said = "、".join(f"{count} x {what}" for what, count in errors.items()) or "0"
    latency = " / ".join(f"{measured[f'save_p{share}_ms']:.0f}" for share in (50, 95, 99))
    return [
        Finding(
            "丢失或无法解释的作答", "Answers lost or unexplained", f"{broken} / {measured['acknowledged']}", bad_if(broken > 0)
        ),
        Finding("错误", "Errors", said, bad_if(bool(errors))),
        Finding(
            "保存延迟 p50/p95/p99（毫秒）",
            "Saving, p50/p95/p99 (ms)",
            latency,
            bad_if(measured["save_p99_ms"] > SAVE_P99_MAX_MS),
        ),
        Finding("保存速率（次/秒）", "Saves per second", f"{measured['saves_per_s']:g} ({seats} x 1/20 s)", "good"),
        Finding(
            "同时开卷 p99（毫秒）",
            "Opening together, p99 (ms)",
            f"{measured['open_p99_ms']:.0f}",
            bad_if(measured["open_p99_ms"] > OPEN_P99_MAX_MS),
        ),
        Finding("同时交卷 p99（毫秒）", "Handing in together, p99 (ms)", f"{measured['hand_in_p99_ms']:.0f}", "good"),
        Finding(
            "服务器负荷（核）", "Load of the server (cores)", f"{measured['cpu_share']:g}", look_if(measured["cpu_share"] > 0.7)
        ),
        Finding("内存增长（MB）", "Memory used (MB)", f"{measured['memory_mb']:g}", "good"),
    ]
