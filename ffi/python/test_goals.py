"""What goals are for, in which order they stand, and how many at a time."""

from bench import Case
from waymark import (
    ActionStep,
    Aspiration,
    Content,
    GoalDraft,
    GoalProfile,
    GoalScope,
    Language,
    LifecycleStatus,
    NewCheckIn,
    NewStatus,
    Outcome,
    PlanWarning,
    SmartIssue,
    StepStatus,
    Value,
    WaymarkError,
    plan_warning,
    smart_question,
)


class Goals(Case):
    """What goals are for, in which order they stand, and how many at a time."""

    async def test_a_fourth_active_goal_asks_first(self):
        phone, plan = self.begin()
        goals = phone.goals()
        made = [goals.create(plan, GoalDraft(statement=name)) for name in ("a", "b", "c", "d")]
        active = [NewStatus(goal=goal, to=LifecycleStatus.ACTIVE) for goal in made]
        for status in active[:3]:
            goals.set_status(plan, status)
        self.refused(
            WaymarkError.TooManyActive,
            "too_many_active",
            lambda: goals.set_status(plan, active[3]),
        )
        goals.set_status(plan, active[3], anyway=True)
        (warning,) = goals.view(plan).warnings
        self.assertEqual(warning, PlanWarning.TOO_MANY_ACTIVE(count=4, limit=3))
        self.assertIn("4", plan_warning(Language.GERMAN, warning))

    async def test_goals_stand_where_they_are_put(self):
        phone, plan = self.begin()
        goals = phone.goals()
        for name in ("walk", "sleep", "call"):
            goals.create(plan, GoalDraft(statement=name))
        first, second, third = (goal.id for goal in goals.list(plan))
        goals.reorder(plan, third)
        goals.reorder(plan, first, after=second)
        self.assertEqual([goal.id for goal in goals.list(plan)], [third, second, first])

    async def test_what_today_asks_for_begins_with_the_focus(self):
        phone, plan = self.begin()
        goals, check_ins = phone.goals(), phone.check_ins()
        for name in ("walk", "sleep"):
            goals.create(plan, GoalDraft(statement=name))
        walk, sleep = (goal.id for goal in goals.list(plan))
        goals.focus_on(plan, sleep)
        check_ins.log(plan, NewCheckIn(goal=walk, outcome=Outcome.DONE))
        today = check_ins.today(plan)
        shown = [(it.goal, it.in_focus, it.asks) for it in today]
        self.assertEqual(shown, [(sleep, True, True), (walk, False, False)])
        self.assertEqual(today[0].day.date, goals.today(plan))

        goals.set_status(plan, NewStatus(goal=sleep, to=LifecycleStatus.ON_HOLD))
        self.assertEqual(goals.focus(plan), [])
        self.assertEqual([it.goal for it in check_ins.today(plan)], [walk])
        (status,) = goals.status_history(plan, sleep)
        self.assertEqual(status.date, goals.today(plan))
        goals.leave_focus(plan, sleep)
        goals.set_status(plan, NewStatus(goal=sleep, to=LifecycleStatus.ACTIVE))
        self.assertEqual(goals.focus(plan), [])

    async def test_the_way_from_a_longing_to_a_step_is_seen_from_both_ends(self):
        phone, plan = self.begin()
        goals, items = phone.goals(), phone.items()
        longing = items.add(plan, Content.AN_ASPIRATION(Aspiration(text="To be less alone")))
        goal = goals.refine(plan, longing, GoalDraft(statement="Call"))
        step = ActionStep(what="Find the number", goal=goal, status=StepStatus.NOT_STARTED)
        step = items.add(plan, Content.AN_ACTION_STEP(step))
        for of in (longing, goal, step):
            (thread,) = goals.threads(plan, of)
            self.assertEqual(thread.aspiration.id, longing)
            self.assertEqual(thread.goal.id, goal)
            self.assertEqual([step.id for step in thread.steps], [step])

        report = goals.smart(plan, goal)
        self.assertEqual(report.specific, SmartIssue.SPECIFIC_PLAN())
        self.assertEqual(report.relevant, SmartIssue.RELEVANT())
        self.assertTrue(smart_question(Language.SPANISH, report.relevant).startswith("¿"))
        value = items.add(plan, Content.A_VALUE(Value(name="Friends", importance=9)))
        profile = GoalProfile(
            goal=goal, aspiration=longing, values=[value], scope=GoalScope.PERSONAL
        )
        self.assertEqual(items.add(plan, Content.A_GOAL_PROFILE(profile)), goal)
        self.assertIsNone(goals.smart(plan, goal).relevant)
        self.assertEqual(goals.get(plan, goal).profile.values, [value])
