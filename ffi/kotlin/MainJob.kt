// What the client logs offline reaches the therapist.

import java.time.Duration
import java.time.Instant
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.runBlocking
import waymark.*
import waymark.core.*

val MAIN_JOB = mapOf<String, suspend Devices.() -> Unit>(
    "an offline check-in reaches the therapist, and an agreed proposal holds" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val logged = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        check(phone.status()[1].unsent > 0u) { "it does not wait to be sent" }

        val heard = Heard()
        val tablet = linkTherapist(phone, plan, heard)
        val entry = allCheckIns(tablet, plan).single()
        equal(entry.id, logged)
        equal(entry.goal, setup.goal)
        equal(entry.note, NOTE)
        equal(entry.quantity, 12.5)
        equal(entry.ratings, listOf(Rating(setup.mood, 7)))
        equal(entry.timeZone, "Europe/Amsterdam")
        check(Duration.between(entry.at, Instant.now()).abs() < Duration.ofMinutes(10)) {
            "the instant ${entry.at} is not now"
        }
        val day = tablet.checkIns().days(plan, setup.goal, entry.date, entry.date).single()
        equal(day.entries, listOf(logged))
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        check(heard.wait { it is Change.Records && logged in it.records }) { "nobody was told" }
        equal(
            tablet.people().members(plan).map { Triple(it.name to it.role, it.holder, it.thisDevice) }.toSet(),
            setOf(
                Triple("Kim" to Role.CLIENT, KeyHolder.DEVICE, false),
                Triple("Kim" to Role.CLIENT, KeyHolder.RESERVE, false),
                Triple("Dr. Ada" to Role.THERAPIST, KeyHolder.DEVICE, true),
                Triple("Dr. Ada" to Role.THERAPIST, KeyHolder.RESERVE, false),
            ),
        )

        val old = tablet.goals().get(plan, setup.goal).inForce!!
        equal(old.statement to old.target?.value, STATEMENT to 10.0)
        val revision = NewRevision(
            goal = setup.goal,
            replaces = listOf(old.id),
            statement = "Fifteen minutes",
            target = target(setup.minutes, 15.0),
            schedule = daily(),
        )
        val proposed = tablet.goals().propose(plan, revision)
        tablet.syncNow()
        phone.syncNow()
        val seen = phone.goals().get(plan, setup.goal)
        equal(seen.inForce?.id, old.id)
        equal(seen.proposals.map { it.id }, listOf(proposed))
        phone.goals().decide(plan, proposed, Verdict.AGREE)
        phone.syncNow()
        tablet.syncNow()
        for (device in listOf(phone, tablet)) {
            val now = device.goals().get(plan, setup.goal).inForce!!
            equal(now.id to now.statement, proposed to "Fifteen minutes")
        }
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
        for (status in phone.status() + tablet.status()) {
            equal(status.unsent to status.problem, 0u to null)
        }
    },

    "live, what one writes is shown to the other, also after a listener has thrown" to {
        val (phone, plan) = begin()
        val throwing = Throwing()
        val tablet = linkTherapist(phone, plan, throwing)
        val heard = Heard()
        val listening = tablet.listen(heard)
        phone.goLive().use {
            tablet.goLive().use {
                for (statement in listOf("first", "second")) {
                    val goal = phone.goals().create(plan, GoalDraft(statement))
                    for (listener in listOf(throwing, heard)) {
                        check(listener.wait { it is Change.Records && goal in it.records }) {
                            "$listener was not told of the $statement goal"
                        }
                    }
                    equal(tablet.goals().get(plan, goal).statement, statement)
                }
            }
        }
        listening.stop()
    },

    "several syncs at once, and local calls meanwhile, lose nothing" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        runBlocking {
            val syncs = List(8) { async { phone.syncNow() } }
            repeat(20) { phone.goals().create(plan, GoalDraft("goal $it")) }
            syncs.awaitAll()
        }
        phone.syncNow()
        tablet.syncNow()
        equal(tablet.goals().list(plan).size, 20)
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
    },
)
