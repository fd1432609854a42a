#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""budget: what may be spent is never exceeded, whatever is killed, and what is over it waits."""
import json
import time

from rig import Rig, equal, expect, preload, provider, run_scenario, scenario, seed, until

LONG_TEXT = "All work and no play makes the model a dull one. " * 20
PRICED = 'model "m" {\n    input_price = "0"\n    output_price = "100"\n}\n'  # 100 tokens: 0.01


def priced(first, count, **more):
    """Jobs that cost 0.01 each: answers are as long as their bound of 100 tokens lets them be."""
    return [{"model": "m", "prompt": f"{i}: {LONG_TEXT}", "params": {"max_tokens": 100}, **more}
            for i in range(first, first + count)]


def held(rig):
    """How many jobs wait for money, by the daemon's word."""
    return sum(r["jobs"] for r in rig.spool.status()["reasons"] if r["reason"].startswith("budget"))


def settled(rig, wanted):
    """All but those that are held have ended."""
    counts = rig.spool.status()["counts"]
    return held(rig) == wanted and counts["running"] == 0 and counts["publishing"] == 0


def cost(rig):
    """What the outputs say that they cost, in units of 1e-9."""
    return sum(round(rig.spool.json("done", name)["cost"]["amount"] * 1e9)
               for name in rig.spool.outputs())


@scenario
def hundred(rig: Rig):
    """A budget of 1.00 pays 100 jobs of 0.01; the rest waits and says until when."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED + 'budget {\n    day = "1.00"\n}\n')
    rig.spool.drop_list(priced(0, 150))
    daemon = rig.daemon()
    until(lambda: settled(rig, 50), lambda: f"50 held jobs: {rig.spool.status()['reasons']}")
    equal(len(rig.spool.outputs()), 100, "outputs")
    equal(cost(rig), 10 ** 9, "cost of all outputs")
    equal(mock.requests(), 100, "requests")
    equal(len(rig.spool.events("budget")), 1, "events that tell of the budget")
    expect(daemon.says("1.00 USD a day"), "the log names the budget")
    reason = [r["reason"] for r in rig.spool.status()["reasons"]][0]
    expect("until" in reason, f"the reason says until when: {reason}")
    equal(rig.spool.jobs("failed"), set(), "failed jobs")
    daemon.stop()

    # A restart forgets nothing; a higher budget lets the others go.
    daemon = rig.daemon()
    until(lambda: settled(rig, 50), "50 held jobs after a restart")
    equal(mock.requests(), 100, "requests after a restart")
    rig.configure(mock, PRICED + 'budget {\n    day = "1.20"\n}\n')
    daemon.send(1)
    until(lambda: settled(rig, 30), "30 held jobs with a budget of 1.20")
    equal(mock.requests(), 120, "requests with a budget of 1.20")
    daemon.stop()


@scenario
def killed(rig: Rig):
    """Killed again and again, the daemon never sends more than the budget pays for."""
    numbers = seed()
    mock = rig.mock("--latency", "20ms")
    rig.configure(mock, PRICED + 'budget {\n    day = "1.00"\n}\n', "    max_in_flight = 3")
    rig.spool.drop_list(priced(0, 150))
    for _ in range(15):
        daemon = rig.daemon()
        time.sleep(numbers.uniform(0.02, 0.25))
        daemon.kill()
        expect(mock.requests() <= 100, f"{mock.requests()} requests of 0.01 under a budget of 1.00")
    daemon = rig.daemon()
    until(lambda: rig.spool.status()["counts"]["running"] == 0 and held(rig) > 0, "the end")
    until(lambda: settled(rig, held(rig)), "the end")
    expect(mock.requests() <= 100, f"{mock.requests()} requests of 0.01 under a budget of 1.00")
    money = rig.spool.status()["money"]
    print(f"# {mock.requests()} requests, {len(rig.spool.outputs())} outputs; {json.dumps(money)}")
    expect(len(rig.spool.outputs()) >= 100 - 15 * 3, "what no kill could have lost was of use")
    daemon.stop()


@scenario
def without_bound(rig: Rig):
    """Without max_tokens the overshoot stays within what was in flight."""
    mock = rig.mock("--latency", "20ms")
    general = ('model "m" {\n    input_price = "0"\n    output_price = "100"\n'
               '    max_output_tokens = 100\n}\nbudget {\n    day = "0.50"\n}\n')
    rig.configure(mock, general, "    max_in_flight = 8")
    rig.spool.drop_list([{"model": "m", "prompt": f"{i}: {LONG_TEXT}"} for i in range(60)])
    daemon = rig.daemon()
    until(lambda: held(rig) > 0 and rig.spool.status()["counts"]["running"] == 0, "the budget's end")
    most = max(round(rig.spool.json("done", n)["cost"]["amount"] * 1e9)
               for n in rig.spool.outputs())
    spent = cost(rig)
    print(f"# spent {spent / 1e9} of 0.50; the dearest {most / 1e9}")
    expect(spent <= 5 * 10 ** 8 + 8 * most, f"{spent / 1e9} spent of 0.50, {most / 1e9} the dearest")
    daemon.stop()


@scenario
def users(rig: Rig):
    """Each user has a budget of his own; one who has none left keeps nobody else."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED + 'user "*" {\n    budget {\n        day = "0.05"\n    }\n}\n'
                  'user "rich" {\n    budget {\n        day = "1.00"\n    }\n}\n')
    jobs = priced(0, 10, user="poor") + priced(10, 10, user="rich") + priced(20, 3, user="third")
    rig.spool.drop_list(jobs)
    daemon = rig.daemon()
    until(lambda: settled(rig, 5), lambda: f"5 held jobs: {rig.spool.status()['reasons']}")
    by_user = {}
    for name in rig.spool.outputs():
        user = rig.spool.json("done", name)["user"]
        by_user[user] = by_user.get(user, 0) + 1
    equal(by_user, {"poor": 5, "rich": 10, "third": 3}, "outputs by user")
    reason = [r["reason"] for r in rig.spool.status()["reasons"] if "budget" in r["reason"]][0]
    expect("poor" in reason, f"the reason names the user: {reason}")
    daemon.stop()


@scenario
def run(rig: Rig):
    """A run with a max_cost stops at it; other work goes on."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED)
    jobs = priced(0, 20)
    text = json.dumps({"run": "trial", "max_cost": 0.10}) + "\n"
    rig.spool.put(text + "".join(json.dumps(job) + "\n" for job in jobs), name="trial.jsonl")
    for job in jobs + priced(20, 5):
        rig.spool.remember(job)
    daemon = rig.daemon()
    until(lambda: settled(rig, 10), lambda: f"10 held jobs: {rig.spool.status()['reasons']}")
    rig.spool.drop_list(priced(20, 5))
    until(lambda: len(rig.spool.outputs()) == 15, "five jobs of no run")
    daemon.kill()
    daemon = rig.daemon()  # which job is in which run is known again
    until(lambda: settled(rig, 10), "10 held jobs after a restart")
    equal(mock.requests(), 15, "requests")
    daemon.stop()


def drop_run(rig, name, jobs, max_cost):
    """A list of jobs whose run may cost so much."""
    lines = [{"run": name, "max_cost": max_cost}, *jobs]
    rig.spool.put("".join(json.dumps(line) + "\n" for line in lines),
                  name=rig.spool.unique() + ".jsonl")
    for job in jobs:
        rig.spool.remember(job)


@scenario
def run_limit_survives(rig: Rig):
    """A run's max_cost is known again after a kill, before any of its jobs was paid for."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED)
    rig.spool.switch("pause")
    daemon = rig.daemon()
    drop_run(rig, "trial", priced(0, 5), 0.02)
    until(lambda: len(rig.spool.jobs("cur")) == 5 and not rig.spool.names("new", ".jsonl"),
          "the list to be taken")
    daemon.kill()
    rig.spool.switch("pause", False)
    daemon = rig.daemon()
    until(lambda: settled(rig, 3), lambda: f"3 held jobs: {rig.spool.status()['reasons']}")
    equal(mock.requests(), 2, "requests")
    daemon.stop()


@scenario
def run_limit_raised(rig: Rig):
    """The same list with a higher max_cost lets go what the lower one held."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED)
    daemon = rig.daemon()
    drop_run(rig, "other", priced(0, 20), 0.01)
    until(lambda: settled(rig, 19), "19 held jobs")
    drop_run(rig, "trial", priced(100, 11), 0.01)
    until(lambda: settled(rig, 29), "29 held jobs")
    drop_run(rig, "trial", priced(100, 11), 1)
    until(lambda: settled(rig, 19), lambda: f"19 held jobs: {rig.spool.status()['reasons']}")
    equal(mock.requests(), 12, "requests")
    daemon.stop()


@scenario
def run_retried(rig: Rig):
    """Failed jobs that are tried again are still paid by their run."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED)
    daemon = rig.daemon()
    jobs = [dict(job, prompt="[[mock:400,times=1]] " + job["prompt"]) for job in priced(0, 6)]
    drop_run(rig, "trial", jobs, 0.02)
    until(lambda: len(rig.spool.jobs("failed")) == 6, "six failed jobs")
    rig.spool.order("retry", "ALL")
    until(lambda: settled(rig, 4), lambda: f"4 held jobs: {rig.spool.status()['reasons']}")
    equal(len(rig.spool.outputs()), 2, "outputs")
    daemon.stop()


@scenario
def held_cancelled(rig: Rig):
    """Held jobs that were cancelled are forgotten: nothing asks for them when money comes."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED + 'budget {\n    day = "0.01"\n}\n')
    rig.spool.drop_list(priced(0, 301))
    daemon = rig.daemon()
    until(lambda: settled(rig, 300), "300 held jobs")
    rig.spool.order("cancel", "ALL")
    for _ in range(50):
        daemon.send(1)
        time.sleep(0.01)
    until(lambda: len(rig.spool.jobs("failed")) == 300, "300 cancelled jobs")
    until(lambda: rig.spool.status()["reasons"] == [], "no job to wait for money")
    rig.configure(mock, PRICED + 'budget {\n    day = "1.00"\n}\n')
    daemon.send(1)
    rig.spool.drop_list(priced(1000, 1))
    until(lambda: len(rig.spool.outputs()) == 2, "the next job's output")
    equal(mock.requests(), 2, "requests")
    daemon.stop()


@scenario
def no_price(rig: Rig):
    """Under a budget a model without a price is held until one is given."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, 'budget {\n    day = "1.00"\n}\n')
    rig.spool.drop_list(priced(0, 3))
    daemon = rig.daemon()
    until(lambda: any("no price" in r["reason"] for r in rig.spool.status()["reasons"]),
          "a reason that tells of the missing price")
    equal(mock.requests(), 0, "requests without a price")
    rig.configure(mock, 'budget {\n    day = "1.00"\n}\nmodel "m" {\n    price = free\n}\n')
    daemon.send(1)
    until(lambda: len(rig.spool.outputs()) == 3, "all jobs of a model that is free")
    daemon.stop()


@scenario
def own_provider(rig: Rig):
    """What is free at one provider is not free for a job that asks another."""
    mock = rig.mock("--latency", "5ms")
    rig.configuration('budget {\n    day = "1.00"\n}\n' + provider(mock, name="shop")
                      + provider(mock, name="home")
                      + 'model "*" {\n    provider = "home"\n    price = free\n}\n')
    daemon = rig.daemon()
    free, dear = priced(0, 1), priced(1, 1, provider="shop")
    rig.spool.drop_list(free + dear)
    until(lambda: any("no price for m" in r["reason"] for r in rig.spool.status()["reasons"]),
          "a reason that tells of the missing price")
    until(lambda: len(rig.spool.outputs()) == 1, "the job at home")
    equal(mock.requests(), 1, "requests")
    daemon.stop()


def spoilt(first, count, kind):
    """Jobs of 0.01 that are asked once, and meet a fault."""
    return [{**job, "prompt": f"[[mock:{kind}]] {job['prompt']}", "max_attempts": 1}
            for job in priced(first, count)]


@scenario
def doubted(rig: Rig):
    """What was cut off may have been billed and stays charged; what was refused was not."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED + 'budget {\n    day = "0.05"\n}\n')
    daemon = rig.daemon()
    rig.spool.drop_list(spoilt(0, 2, "500"))
    until(lambda: len(rig.spool.jobs("failed")) == 2, "two requests that were refused")
    rig.spool.drop_list(spoilt(10, 7, "reset"))
    until(lambda: settled(rig, 2), lambda: f"two held jobs: {rig.spool.status()['reasons']}")
    equal(mock.requests(), 2 + 5, "requests")
    money = rig.spool.status()["money"]["today"]
    equal((money["cost"], money["in_doubt"]), (0, 0.05), "what was spent, and what may have been")
    daemon.stop()


@scenario
def unwritable(rig: Rig):
    """While state/money cannot be written nothing is sent that a budget counts."""
    mock = rig.mock("--latency", "5ms")
    rig.configure(mock, PRICED + 'budget {\n    day = "1.00"\n}\n')
    daemon = rig.daemon(environment=preload("pwrite:ENOSPC:1+"))
    rig.spool.drop_list(priced(0, 3))
    daemon.until_says("state/money", 20)
    time.sleep(1)
    equal(mock.requests(), 0, "requests while money cannot be recorded")
    daemon.kill()
    rig.until_empty()
    equal(mock.requests(), 3, "requests when it can be")
    rig.judge(exact=True)


if __name__ == "__main__":
    run_scenario()
