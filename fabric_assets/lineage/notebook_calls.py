"""Calls of other notebooks: ``notebook.run`` and ``runMultiple``."""

from typing import Any

from fabric_assets.lineage.possibilities import compatible, options_of
from fabric_assets.lineage.session import Session
from fabric_assets.lineage.values import Const, Items, Mapping, Text, Unknown, reason_of


def run_one(session: Session, name: Any) -> Unknown:
    """Note that the notebook of that name is run."""
    for guard, option in options_of(name):
        if not compatible(guard, session.branches.items()):
            continue
        if isinstance(option, Const) and isinstance(option.value, str) and option.value.strip():
            session.call(option.value)
        elif isinstance(option, Text):
            text = session.readable(next(session.holes.renderings(option)))
            reason = next(part.reason for part in option.parts if isinstance(part, Unknown))
            session.gap(f"the name {text} of the notebook to run depends on {reason}")
        else:
            session.gap(f"the name of the notebook to run depends on {reason_of(option)}")
    return Unknown("the exit value of a notebook")


def run_multiple(session: Session, dag: Any) -> Unknown:
    """Note the notebooks that a list of names or a DAG runs."""
    for _, option in options_of(dag):
        if isinstance(option, Mapping):
            activities = option.entries.get("activities")
            if activities is not None and option.entries:
                _activities(session, activities)
                continue
        elif isinstance(option, Items):
            _activities(session, option)
            continue
        session.gap(f"the DAG of runMultiple depends on {reason_of(option)}")
    return Unknown("the exit values of notebooks")


def _activities(session: Session, value: Any) -> None:
    for _, activities in options_of(value):
        if not isinstance(activities, Items):
            reason = (
                activities.reason if isinstance(activities, Unknown) else "a value that is not known here"
            )
            session.gap(f"the activities of runMultiple depend on {reason}")
            continue
        for entry in activities.items:
            for _, activity in options_of(entry):
                if isinstance(activity, Mapping):
                    run_one(session, activity.entries.get("path", activity.entries.get("name", Unknown())))
                else:
                    run_one(session, activity)
        if not activities.complete:
            session.gap("some notebooks that runMultiple runs are only known when the notebook runs")
