import asyncio

from blrcs.resilience.news import ANYTHING, MAX_SUBJECTS, News, heard


async def test_each_subject_is_taken_once():
    news = News()
    news.add("b")
    news.add("a", "b")
    assert await news.take() == ["a", "b"]
    taking = asyncio.create_task(news.take())
    await asyncio.sleep(0)
    assert not taking.done()
    news.add("c")
    assert await taking == ["c"]


async def test_more_than_are_told_at_once_are_anything():
    news = News()
    news.add(*(str(number) for number in range(MAX_SUBJECTS)))
    assert len(await news.take()) == MAX_SUBJECTS
    news.add(*(str(number) for number in range(MAX_SUBJECTS + 1)))
    news.add("more")
    assert await news.take() == [ANYTHING]


def test_anything_is_heard_as_such():
    assert heard(["a", "b"]) == {"a", "b"}
    assert heard(["a", ANYTHING]) is None
