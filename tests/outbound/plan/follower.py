"""A process that carries out a plan, without its loop: a test says when it looks, acts and is killed."""

from ingest.db.connection import transaction
from outbound.plan import store
from outbound.plan.follow import PlanFollower
from outbound.plan.model import StepOutcome, StepState

RUN = ["/bin/true"]


class Follower:
    """A process that carries out a plan: it can be killed; what it does is noted in `effects`."""

    def __init__(self, house, config, number=0):
        self.house, self.config, self.number = house, config, number
        self.effects = []
        self.start()

    def start(self):
        self.inner = PlanFollower(self.config.plan[self.number], self.config, self.house.now)
        self.running = None
        self.cancelled = []

    def look(self):
        found = self.inner.look(self.house.connection, self.running and self.running.step.name)
        if found.cancel:
            self.cancelled.append(found.cancel)
        if found.begun:
            self.running = found.begun
        return found

    def act(self):
        """Do what has begun."""
        if self.running.order is None:
            self.effects.append((self.running.moment.run, self.running.step.name))

    def end(self, state=StepState.DONE, result="exit code 0"):
        run, step = self.running.moment.run, self.running.step.name
        with transaction(self.house.connection):
            store.end_step(
                self.house.connection, run, step, StepOutcome(state, result), self.house.machine.wall
            )
        self.running = None

    def go(self, seconds, every=1.0):
        """Let time pass, with every step done at once."""
        for _ in range(round(seconds / every)):
            self.house.machine.pass_time(every)
            for _ in range(8):
                if not self.look().begun:
                    break
                self.act()
                self.end()

    def names(self):
        return [step for _, step in self.effects]
