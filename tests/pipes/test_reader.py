"""The reader: lines out of bytes, each once, to the last one, whatever goes wrong with reading."""

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fabric_assets.pipes import reader
from fabric_assets.pipes.files import FilesError, LocalFiles
from fabric_assets.pipes.reader import AT_ONCE, MESSAGES, Reader
from fabric_assets.pipes.streams import ChunkStream

CLOSED = json.dumps({"method": "closed", "params": {}})
OPENED = json.dumps({"method": "opened", "params": {}})

Step = bytes | FilesError


class Script:
    """A stream that gives one step a read, and nothing when they are over."""

    def __init__(self, steps: Sequence[Step], after_the_end: Sequence[Step] = ()) -> None:
        self._steps = list(steps)
        self._after_the_end = list(after_the_end)
        self.over = asyncio.Event()
        self.reads_after_the_end = 0

    async def more(self, *, last: bool) -> bytes:
        self.reads_after_the_end += last
        if not self._steps:
            self.over.set()
        steps = self._after_the_end if last and not self._steps else self._steps
        step = steps.pop(0) if steps else b""
        if isinstance(step, FilesError):
            raise step
        return step


class Told:
    """What a reader told."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.lines: list[tuple[int, str]] = []

    def reader(self, script: Script, **settings: Any) -> Reader:
        """A reader that tells it, with short waits."""
        handled = lambda: len(self.messages)  # noqa: E731
        defaults = {"poll_seconds": 0.001, "last_messages_seconds": 0.0, "handled": handled}
        return Reader(script, self, **{**defaults, **settings})

    def __call__(self, text: str, level: int = logging.INFO) -> None:
        if level == MESSAGES:
            self.messages += text.split("\n")
        else:
            self.lines.append((level, text))


def read(
    steps: Sequence[Step], after_the_end: Sequence[Step] = (), *, last_messages_seconds: float = 0.0
) -> tuple[Told, Script]:
    """Read until the job instance ends, which is when the steps are over."""

    async def work() -> tuple[Told, Script]:
        told, script = Told(), Script(steps, after_the_end)
        reading = told.reader(script, last_messages_seconds=last_messages_seconds)
        assert await reading.alongside(script.over.wait()) is True
        return told, script

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("steps", "messages"),
    [
        pytest.param([b"a\nb\n"], ["a", "b"], id="lines"),
        pytest.param([b"a", b"b\nc", b"", b"d\n"], ["ab", "cd"], id="lines in parts"),
        pytest.param(["ä\n".encode()[:1], "ä\n".encode()[1:]], ["ä"], id="a character in parts"),
        pytest.param([b"a\n\n \nb"], ["a", "b"], id="empty lines, and a last one that does not end"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_lines_are_told_once_and_in_order(steps: list[Step], messages: list[str]) -> None:
    assert read(steps)[0].messages == messages


def test_a_line_without_end_is_cut_and_the_next_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "LONGEST_LINE", 10)

    told, _ = read([b"a\n", b"x" * 8, b"y" * 8, b"z" * 100, b"z\nb\n"])

    assert told.messages == ["a", "xxxxxxxxyyy", "b"]


def test_messages_that_come_after_the_end_are_waited_for() -> None:
    told, _ = read([b"a\n"], [b"", b"b\n", b"", CLOSED.encode() + b"\n"], last_messages_seconds=60)

    assert told.messages == ["a", "b", CLOSED]


def test_after_the_last_message_nothing_is_waited_for() -> None:
    _, script = read([f"{OPENED}\n{CLOSED}\n".encode()], last_messages_seconds=600)

    assert script.reads_after_the_end == 1


def test_a_notebook_that_opens_again_is_not_closed() -> None:
    _, script = read([f"{CLOSED}\n{OPENED}\n".encode()], last_messages_seconds=0.05)

    assert script.reads_after_the_end > 1


def test_passing_faults_are_told_if_they_last_and_when_they_are_over() -> None:
    passing = FilesError("no answer", passing=True)

    quiet, _ = read([passing, b"a\n", passing, b"b\n"])
    told, _ = read([passing, passing, passing, passing, b"a\n"])

    assert (quiet.messages, quiet.lines) == (["a", "b"], [])
    (first, second) = told.lines
    assert first[0] == logging.WARNING
    assert "cannot be read; its job instance runs on. no answer" in first[1]
    assert second == (logging.INFO, "the notebook's messages can be read again")
    assert told.messages == ["a"]


def test_a_notebook_that_never_stops_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LONGEST_END_SECONDS", 0.1)

    class Endless(Script):
        async def more(self, *, last: bool) -> bytes:
            return await super().more(last=last) or b"a\n"

    async def work() -> tuple[Told, Reader]:
        told, endless = Told(), Endless([])
        reading = told.reader(endless)
        await reading.alongside(endless.over.wait())
        return told, reading

    told, reading = asyncio.run(work())
    assert reading.problem is not None
    assert "still writes" in told.lines[-1][1]


def test_a_job_instance_that_fails_is_read_to_its_end() -> None:
    async def work() -> Told:
        told, script = Told(), Script([], [b"a\n"])

        async def fail() -> None:
            raise ValueError("the job's own error")

        with pytest.raises(ValueError, match="own error"):
            await told.reader(script, poll_seconds=60).alongside(fail())
        return told

    assert asyncio.run(work()).messages == ["a"]


def test_a_cancel_ends_the_reading_and_goes_on() -> None:
    async def work() -> tuple[Told, bool]:
        told, script = Told(), Script([b"a\n"], [b"b\n"])
        cleaned = False

        async def run_forever() -> None:
            nonlocal cleaned
            try:
                await asyncio.Event().wait()
            finally:
                cleaned = True

        reading = asyncio.ensure_future(
            told.reader(script, last_messages_seconds=600).alongside(run_forever())
        )
        await script.over.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return told, cleaned

    told, cleaned = asyncio.run(work())
    assert told.messages == ["a", "b"]
    assert cleaned


def test_after_a_cancel_only_one_reads() -> None:
    class Slow:
        """A stream whose reads take their time to be given up."""

        def __init__(self) -> None:
            self.reading = self.most_at_once = 0
            self.begun = asyncio.Event()

        async def more(self, *, last: bool) -> bytes:
            self.reading += 1
            self.most_at_once = max(self.most_at_once, self.reading)
            self.begun.set()
            try:
                if not last:
                    await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(0.05)
                raise
            else:
                return b""
            finally:
                self.reading -= 1

    async def cancelled() -> Slow:
        stream = Slow()
        reader = Reader(stream, Told(), poll_seconds=0.001, last_messages_seconds=0.0, handled=lambda: 0)
        work = asyncio.create_task(reader.alongside(asyncio.sleep(60)))
        await stream.begun.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        return stream

    stream = asyncio.run(cancelled())
    assert (stream.most_at_once, stream.reading) == (1, 0)


def test_the_reader_waits_for_the_step_that_handles_the_messages() -> None:
    lines = [str(number) for number in range(3 * AT_ONCE)]

    async def work() -> list[int | bool]:
        told, handled = Told(), 0
        script = Script(["\n".join(lines).encode() + b"\n"])
        reading = asyncio.ensure_future(
            told.reader(script, handled=lambda: handled).alongside(asyncio.Event().wait())
        )
        seen = []
        for _ in range(2):
            while len(told.messages) == handled:  # noqa: ASYNC110 -- what is told is a list
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.05)
            handled = len(told.messages)
            seen.append(handled)
        # A step that is interrupted handles nothing any more.
        reading.cancel()
        await asyncio.wait({reading}, timeout=60)
        return [*seen, reading.done()]

    assert asyncio.run(work()) == [AT_ONCE, 2 * AT_ONCE, True]


def chunks(folder: Path, *reads: tuple[dict[int, str], bool]) -> list[bytes]:
    """What a stream gives: before each read, some files are written."""

    async def work() -> list[bytes]:
        stream = ChunkStream(LocalFiles(folder), "x")
        found = []
        for written, last in reads:
            for number, text in written.items():
                (folder / "x").mkdir(exist_ok=True)
                (folder / "x" / f"{number}.json").write_text(text)
            found.append(await stream.more(last=last))
        return found

    return asyncio.run(work())


@pytest.mark.parametrize(
    ("reads", "given"),
    [
        pytest.param([({}, False), ({1: "1\n2"}, False), ({}, False)], [b"", b"1\n2\n", b""], id="one"),
        pytest.param(
            [({1: "1"}, False), ({3: "3"}, False), ({2: "2"}, False)], [b"1\n", b"", b"2\n"], id="gap"
        ),
        pytest.param(
            [({1: '1\n{"'}, False), ({1: '1\n{"a": 2}'}, False)], [b"", b'1\n{"a": 2}\n'], id="torn"
        ),
        pytest.param(
            [({1: '1\n{"'}, False), ({}, True), ({}, True)], [b"", b'1\n{"\n', b""], id="torn for good"
        ),
        pytest.param(
            [({1: "1", 2: "2"}, False), ({}, False), ({1: "7"}, False), ({}, True), ({}, True)],
            [b"1\n", b"2\n", b"", b"7\n", b"2\n"],
            id="another job instance begins again",
        ),
    ],
)
def test_chunks_are_given_in_order_when_they_are_whole(
    tmp_path: Path, reads: Any, given: list[bytes]
) -> None:
    assert chunks(tmp_path, *reads) == given
