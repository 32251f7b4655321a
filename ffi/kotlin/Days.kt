// What the client notes about days, practice with its timers, reminders, and a list of plans.

import java.time.Duration
import java.time.Instant
import java.time.LocalTime
import java.time.ZoneId
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.delay
import waymark.*
import waymark.core.*

val DAYS = mapOf<String, suspend Devices.() -> Unit>(
    "what a timer counted joins what was told, also after a restart" to {
        val key = Key()
        val (phone, plan) = begin(key)
        val goal = phone.goals().create(plan, GoalDraft("Sit every day", schedule = daily()))
        phone.practice().log(plan, NewPractice(goal = goal, minutes = 4u))
        val timer = phone.practice().start(plan, TimerStart(goal = goal, practice = "Breathing 🌬"))
        phone.lock()

        val again = open("phone", key)
        val practice = again.practice()
        val running = practice.running(plan).single()
        equal(listOf(running.id, running.practice, running.minutes), listOf(timer, "Breathing 🌬", 0u.toUShort()))
        practice.stop(plan, timer, 6u)
        equal(practice.running(plan), emptyList<RunningTimer>())
        val day = practice.days(plan, goal, running.date, running.date).single()
        equal(day.minutes to day.entries, 10.0 to 2u)
        refused<WaymarkException.NotFound>("not_found") { practice.stop(plan, timer) }
    },

    "a reading is shown with what follows, rulers go over time, and served values are counted" to {
        val (phone, plan) = begin()
        val goal = phone.goals().create(plan, GoalDraft("Sit every day", schedule = daily()))
        val feeling = EmotionReading(emotion = "Fear 🌊", intensity = 80u, after = 45u)
        phone.items().add(plan, Content.AReading(Reading(of = ReadingOf.AnEmotion(feeling))))
        for (value in listOf(4u, 7u)) {
            val sure = RulerReading(ruler = Ruler.CONFIDENCE, value = value.toUByte())
            phone.items().add(plan, Content.AReading(Reading(of = ReadingOf.ARuler(sure), goal = goal)))
            // What is said in one millisecond has no order.
            delay(5.milliseconds)
        }
        val today = phone.items().list(plan, Kind.READING).first().date!!
        val readings = phone.readings()
        equal(readings.between(plan, today, today).first().change?.toInt(), -35)
        val confidence = readings.rulers(plan, goal, today, today).confidence
        equal(confidence.newest?.toInt() to confidence.trend?.toInt(), 7 to 3)
        equal(readings.coping(plan, today, today), emptyList<CopingView>())
        equal(phone.progress().values(plan, today, today).shares, emptyList<ValueShare>())
        refused<WaymarkException.InvalidInput>("invalid_input") {
            readings.between(plan, today.minusYears(11), today)
        }
    },

    "a reminder follows the clock of where the client is, tells nothing, and rings nobody else" to {
        val (phone, plan) = begin()
        val goal = setUp(phone, plan).goal
        phone.goals().setStatus(plan, NewStatus(goal = goal, to = LifecycleStatus.ACTIVE))
        val nine = Reminder(about = goal, minute = 540u, text = ReminderText.ARRANGED)
        val id = phone.items().add(plan, Content.AReminder(nine))
        val until = Instant.now().plus(Duration.ofDays(3))
        for (zone in listOf("Europe/Amsterdam", "Asia/Tokyo")) {
            phone.setTimeZone(zone)
            val told = phone.reminders().next(plan, until)
            check(told.size in 2..4) { "$told" }
            for (one in told) {
                val there = one.at.atZone(ZoneId.of(zone))
                equal(there.toLocalTime() to there.toLocalDate(), LocalTime.of(9, 0) to one.date)
                equal(listOf(one.reminder, one.about, one.timeZone), listOf(id, goal, zone))
                equal(one.key, reminderKey(ReminderText.ARRANGED))
                equal(say(Language.GERMAN, one.key, one.arguments), "Wie verabredet: 09:00")
            }
        }
        refused<WaymarkException.InvalidInput>("invalid_input") { phone.reminders().next(plan, until, 65u) }
        refused<WaymarkException.InvalidInput>("invalid_input") { phone.setTimeZone("Europe/Atlantis") }
        val tablet = linkTherapist(phone, plan, Heard())
        equal(tablet.reminders().next(plan, until), emptyList<NextReminder>())
    },

    "a list of plans shows what each asks for today" to {
        val (phone, plan) = begin()
        val goal = phone.goals().create(plan, GoalDraft("Sit every day", schedule = daily()))
        val tablet = linkTherapist(phone, plan, Heard())
        for (device in listOf(phone, tablet)) {
            val listed = device.people().summaries().single()
            equal(listOf(listed.plan, listed.client, listed.closed), listOf(plan, "Kim", false))
            val today = listed.today!!
            equal(listOf(today.goals, today.expected, today.done), listOf(1u, 1u, 0u))
        }
        done(phone, plan, goal)
        listOf(phone, tablet).forEach { it.syncNow() }
        val today = tablet.people().summaries().single().today!!
        equal(today.done to today.lastCheckIn, 1u to today.date)
    },
)
