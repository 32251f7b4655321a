// What was reached is seen, looked forward to and celebrated as the client chose.

import java.time.LocalDate
import waymark.*
import waymark.core.*

/** A check-in that says no more than that the day was done. */
fun done(device: Waymark, plan: PlanId, goal: GoalId, date: LocalDate? = null) =
    device.checkIns().log(plan, NewCheckIn(goal = goal, outcome = Outcome.DONE, date = date))

val MILESTONES = mapOf<String, suspend Devices.() -> Unit>(
    "what the days have reached is found by itself, unlocks its reward and is celebrated as chosen" to {
        val (phone, plan) = begin()
        val walk = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        val milestones = phone.milestones()
        val milestone = Milestone(goal = walk, text = "The first walk 🌿", doneDays = 1u)
        val first = phone.items().add(plan, Content.AMilestone(milestone))
        val reward = Reward(walk, 1u, "An evening at the lake", RewardKind.EXTRINSIC)
        val lake = phone.items().add(plan, Content.AReward(reward))
        val tablet = linkTherapist(phone, plan, Heard())
        equal(milestones.of(plan, walk).map { it.id to it.reached }, listOf(first to false))
        equal(milestones.rewards(plan, walk).single().state, RewardState.NOT_YET)
        refused<WaymarkException.InvalidInput>("invalid_input") { milestones.claim(plan, lake) }

        done(phone, plan, walk)
        check(milestones.of(plan, walk).single().reached) { "it was not reached" }
        check(!milestones.find(plan)) { "it was not found by itself" }
        val unlocked = milestones.rewards(plan, walk).single().state
        equal(unlocked to rewardKey(unlocked), RewardState.UNLOCKED to "reward.unlocked")
        milestones.claim(plan, lake)
        check(milestones.rewards(plan, walk).single().claimedAt != null) { "nobody took it" }

        val celebration = milestones.celebrations(plan).single()
        equal(celebration.of to celebration.audience, first to Audience.PRIVATE)
        equal(milestones.celebrate(plan, first, Audience.THERAPIST, "With cake"), celebration.id)
        listOf(phone, tablet).forEach { it.syncNow() }
        val seen = tablet.milestones().celebrations(plan).single()
        equal(seen.how to seen.audience, "With cake" to Audience.THERAPIST)
        equal(audienceKey(seen.audience), "audience.therapist")
        refused<WaymarkException.NotAllowed>("not_allowed") {
            tablet.milestones().celebrate(plan, first, Audience.CIRCLE)
        }
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
    },

    "evidence of growth shows wins and days of its time, and progress what they come to" to {
        val (phone, plan) = begin()
        val walk = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        val win = phone.items().add(plan, Content.AWin(Win("Said no", WinKind.BOUNDARY, walk)))
        val today = phone.people().summaries().single().today!!.date
        done(phone, plan, walk, today)
        val growth = phone.progress().growth(plan, today.minusDays(6), today)
        equal(growth.wins.map { it.id }, listOf(win))
        equal(growth.goals.map { it.goal to it.done }, listOf(walk to 1u))
        val progress = phone.progress().of(plan, walk)
        equal(phone.progress().all(plan), listOf(progress))
        equal(progress.goal, walk)
        val before = phone.progress().growth(plan, today.minusDays(9), today.minusDays(7))
        equal(before.wins.size to before.goals.single().done, 0 to 0u)
        refused<WaymarkException.InvalidInput>("invalid_input") {
            phone.progress().growth(plan, today, today.minusDays(1))
        }
        refused<WaymarkException.InvalidInput>("invalid_input") { phone.progress().of(plan, walk, 3u) }
        refused<WaymarkException.NotFound>("not_found") { phone.progress().of(plan, UNKNOWN) }
    },
)
