import asyncio

from structlog.testing import capture_logs

from gateway.background import Background


async def endless() -> None:
    await asyncio.Event().wait()


async def mistaken() -> None:
    raise RuntimeError("a mistake")


async def test_at_the_end_nothing_runs_any_more() -> None:
    before = asyncio.all_tasks()

    async with Background([("one", endless), ("another", endless)]):
        assert len(asyncio.all_tasks() - before) == 2

    assert asyncio.all_tasks() == before


async def test_it_may_be_stopped_in_another_task_than_it_was_started_in() -> None:
    background = Background([("one", endless)])
    async with asyncio.TaskGroup() as group:
        await group.create_task(background.__aenter__())
        await group.create_task(background.__aexit__(None, None, None))

    assert all(task.cancelled() for task in background.tasks)


async def test_a_mistake_of_ours_is_told_and_ends_nothing_else() -> None:
    with capture_logs() as logs:
        async with Background([("probes of ces1", mistaken), ("probes of ces2", endless)]) as background:
            await asyncio.wait(background.tasks, return_when=asyncio.FIRST_COMPLETED)
            assert not background.tasks[1].done()

    assert [(line["event"], line["work"]) for line in logs] == [("work in the background has ended", "probes of ces1")]
