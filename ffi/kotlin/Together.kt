// What people look at together and say to each other.

import waymark.*
import waymark.core.*

val TOGETHER = mapOf<String, suspend Devices.() -> Unit>(
    "a session holds what both brought, and its homework and review are seen by both" to {
        val (phone, plan) = begin()
        val walk = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        val tablet = linkTherapist(phone, plan, Heard())
        val session = tablet.items().add(plan, Content.ASession(Session(minutes = 50u)))
        listOf(tablet, phone).forEach { it.syncNow() }
        val own = phone.items().add(plan, Content.AnAgendaItem(AgendaItem(session, "My sister")))
        val theirs = tablet.items().add(plan, Content.AnAgendaItem(AgendaItem(session, "The week")))
        val step = ActionStep(what = "Call her", goal = walk, status = StepStatus.NOT_STARTED)
        val homework = tablet.reviews().giveHomework(plan, session, step)
        refused<WaymarkException.NotFound>("not_found") {
            tablet.reviews().giveHomework(plan, UNKNOWN, step)
        }
        equal(tablet.reviews().due(plan), ReviewDue(last = null, nextDue = null, daysOverdue = 0u))
        val today = phone.people().summaries().single().today!!.date
        val kept = ReviewedGoal(goal = walk, rating = 7u, decision = ReviewDecision.KEEP)
        val review = Review(goals = listOf(kept), nextDue = today.minusDays(2), session = session)
        val reviewed = tablet.items().add(plan, Content.AReview(review))
        listOf(tablet, phone, tablet).forEach { it.syncNow() }

        for (device in listOf(phone, tablet)) {
            val seen = device.reviews().sessions(plan).single()
            equal(seen.id to seen.session.minutes, session to 50u.toUShort())
            equal(seen.agenda.map { it.id }.toSet(), setOf(own, theirs))
            equal(seen.homework.map { it.stepId to it.step.what }, listOf(homework to "Call her"))
            equal(device.reviews().list(plan).map { it.id to it.review }, listOf(reviewed to review))
            equal(device.reviews().due(plan).last, reviewed)
        }
        equal(phone.reviews().due(plan).daysOverdue, 2u)
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
    },

    "a message is queued, then sent, then read, and who says nothing is known to say nothing" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val logged = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val tablet = linkTherapist(phone, plan, Heard())
        val today = allCheckIns(phone, plan).single().date
        val said = phone.items().add(plan, Content.AMessage(Message("It was a hard week 🌧")))
        val own = { phone.messages().between(plan, today, today.plusDays(1)).single { it.id == said } }
        equal(own().delivery?.state, DeliveryState.QUEUED)
        listOf(phone, tablet).forEach { it.syncNow() }
        equal(own().delivery?.state, DeliveryState.SENT)
        val theirs = tablet.messages().between(plan, today, today.plusDays(1)).single()
        equal(theirs.text to theirs.delivery, "It was a hard week 🌧" to null)
        tablet.messages().markRead(plan, listOf(said))
        val comment = tablet.messages().comment(plan, logged, "Well done", today)
        listOf(tablet, phone).forEach { it.syncNow() }
        equal(own().delivery?.state, DeliveryState.READ)
        val ada = phone.people().members(plan).first { it.role == Role.THERAPIST }.person
        equal(own().readBy, listOf(ada))
        val comments = phone.messages().comments(plan, logged, today)
        equal(comments.map { it.id to it.text }, listOf(comment to "Well done"))

        check(tablet.messages().sendsReceipts(plan)) { "nobody chose silence" }
        tablet.messages().sendReceipts(plan, false)
        check(!tablet.messages().sendsReceipts(plan)) { "it still tells" }
        val later = phone.items().add(plan, Content.AMessage(Message("And now?")))
        listOf(tablet, phone, tablet).forEach { it.syncNow() }
        tablet.messages().markRead(plan, listOf(later))
        listOf(tablet, phone).forEach { it.syncNow() }
        val second = phone.messages().between(plan, today, today.plusDays(1)).single { it.id == later }
        equal(second.delivery?.silent to second.readBy, listOf(ada) to emptyList<PersonTag>())
        refused<WaymarkException.NotFound>("not_found") {
            tablet.messages().markRead(plan, listOf(UNKNOWN))
        }
    },
)
