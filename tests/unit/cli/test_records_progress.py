from blrcs.cli.records_progress import TransferProgress


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


def test_a_line_is_told_every_few_seconds(capsys):
    clock = Clock()
    with TransferProgress("import", 1000, quiet=False, clock_s=clock) as shown:
        shown.begin(200, 20)
        clock.now_s += 4
        shown.advance(300, 30)
        assert capsys.readouterr().err == ""
        clock.now_s += 6
        shown.advance(600, 1_060)
    assert capsys.readouterr().err == "import: 1,060 records, 104/s, 60 %, about 0:10 left\n"


def test_without_a_total_nothing_is_said_of_the_rest(capsys):
    clock = Clock()
    with TransferProgress("import", None, quiet=False, clock_s=clock) as shown:
        clock.now_s += 10
        shown.advance(600, 60)
    assert capsys.readouterr().err == "import: 60 records, 6/s\n"


def test_quiet_is_quiet_but_for_messages(capsys):
    clock = Clock()
    with TransferProgress("import", 10, quiet=True, clock_s=clock) as shown:
        clock.now_s += 10
        shown.advance(5, 5)
        shown.tell("in.jsonl:1: bad \x1b[31m")
    assert capsys.readouterr().err == "in.jsonl:1: bad \\x1b[31m\n"
