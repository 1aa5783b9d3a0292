import json, random, time
from datetime import timedelta
import pytest
from app import broker, runs, queues
from app.celery.presence import WORKERS
from app.clock import utcnow
from app.extensions import transaction
from app.runs import Run, states
import os

OUT = "/tmp/shots"
os.makedirs(OUT, exist_ok=True)


@pytest.fixture
def scene(app, celery_app, redis):
    now = utcnow()
    for name, n in (("jobs-1@host", 8), ("jobs-2@host", 8)):
        running = [
            {"id": f"x{i}", "task": "sample_tasks.resize", "started_at": now.timestamp() - 7}
            for i in range(n)
        ]
        redis.hset(
            WORKERS,
            name,
            json.dumps(
                {
                    "hostname": name,
                    "state": "online",
                    "heartbeat_at": now.timestamp() + 3600,
                    "started_at": now.timestamp() - 9000,
                    "pid": 1,
                    "pool": "prefork",
                    "slots": 8,
                    "queues": ["default", "billing"],
                    "running": running,
                    "finished": 900,
                    "memory_bytes": 312_000_000,
                    "load": 1.4,
                    "versions": {"celery": "5.7.0", "python": "3.11.7"},
                }
            ),
        )
    with transaction() as s:
        for i in range(60):
            at = now - timedelta(minutes=4) + timedelta(seconds=i)
            s.add(
                Run(
                    id=f"old{i}",
                    task_name="sample_tasks.resize",
                    queue="default",
                    state="SUCCESS",
                    created_at=at,
                    updated_at=at,
                    ended_at=at,
                    runtime_seconds=9.0,
                )
            )
    rng = random.Random(3)
    ids = []
    for i in range(37):
        p = 9 if i < 2 else 7 if i < 4 else 5
        task = rng.choice(["resize", "weekday", "plain"])
        kw = {
            "resize": {"folder": "invoices/2026/october", "width": 800 + i},
            "weekday": {"day": "2026-11-20"},
            "plain": {"a": i, "b": {"copy_to": ["ops@example.org", "finance@example.org"]}},
        }[task]
        ids.append(
            runs.submit(
                celery_app,
                runs.RunRequest(
                    f"sample_tasks.{task}",
                    kwargs=kw,
                    priority=p,
                    requested_by=rng.choice(["Mei Lin", "Priya Nair"]),
                ),
                now - timedelta(minutes=6) + timedelta(seconds=i),
            ).id
        )
    for i, why in ((5, "Waiting for the fraud team"), (6, "Waiting for the fraud team"), (9, "")):
        queues.hold("default", ids[i], "Priya Nair", why, now - timedelta(hours=4))
    broker.pause("mail", "Mei Lin", "Provider is down", now - timedelta(minutes=20))
    return ids


def test_shots(visit, scene, redis):
    ids = scene
    now = utcnow()
    def put(name, **facts):
        e = {"hostname": name, "state": "online", "heartbeat_at": now.timestamp() + 3600, "started_at": now.timestamp() - 9000, "pid": 1, "pool": "threads", "slots": 4, "queues": ["mail"], "running": [{"id": "y", "task": "sample_tasks.sleep", "started_at": now.timestamp() - 90}],
          "finished": 900, "memory_bytes": 112_000_000, "load": 1.4, "versions": {"celery": "5.7.0", "python": "3.11.7"}}
        redis.hset(WORKERS, name, json.dumps(e | facts))
    put("mail-1@host"); put("media-2@host", heartbeat_at=now.timestamp() - 260, slots=8, running=[]); put("reports-1@host", stopping=True); put("big@host", slots=64, pool="gevent")
    broker.pause_worker("jobs-2@host", "Mei Lin", "New disk", now - timedelta(minutes=3))
    for width, scheme in ((1440, "light"), (768, "light"), (380, "light"), (1440, "dark")):
        page = visit("/workers", role="admin", width=width, color_scheme=scheme)
        page.screenshot(path=f"{OUT}/workers-{width}-{scheme}.png", full_page=width < 1000)
        page.goto("/workers/jobs-2@host")
        page.screenshot(path=f"{OUT}/worker-{width}-{scheme}.png", full_page=width < 1000)
        page.goto(f"/queues/default?run={ids[3]}")
        page.screenshot(path=f"{OUT}/why-{width}-{scheme}.png", full_page=False)
        print(width, page.evaluate("document.documentElement.scrollWidth"))
        for path in ("/queues", "/workers", "/workers/jobs-2@host", "/queues/mail", "/queues/default?tab=held"):
            page.goto(path); print(width, path, page.evaluate("document.documentElement.scrollWidth"))
    page = visit("/workers/jobs-1@host", role="admin")
    page.get_by_role("link", name="Shut down").click(); page.wait_for_timeout(400)
    page.screenshot(path=f"{OUT}/shutdown.png")
    page = visit("/queues/default", role="admin")
    grip = page.locator("#line-rows .grip").nth(6).bounding_box()
    goal = page.locator("#line-rows tr[data-id]").nth(2).bounding_box()
    page.mouse.move(grip["x"] + 8, grip["y"] + 8); page.mouse.down()
    page.mouse.move(grip["x"] + 20, grip["y"] - 30, steps=5)
    page.mouse.move(goal["x"] + 30, goal["y"] + 4, steps=8)
    page.wait_for_timeout(200)
    page.screenshot(path=f"{OUT}/drag.png")
    page.mouse.up(); page.wait_for_timeout(600)
    page.locator(".pick").nth(2).check(); page.locator(".pick").nth(4).check()
    page.screenshot(path=f"{OUT}/bulk.png")
