// What a platform that suspends and wakes an app asks of it.

import java.io.File
import java.time.Duration
import java.time.Instant
import java.util.concurrent.CopyOnWriteArrayList
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import waymark.*
import waymark.core.*

/** The files of a device that some process has open, by what the kernel says of this one. */
fun Devices.openFiles(name: String): List<String> {
    val own = directory(name).path
    return File("/proc/self/fd").listFiles().orEmpty()
        .mapNotNull { runCatching { it.toPath().toRealPath().toString() }.getOrNull() }
        .filter { it.startsWith(own) }
}

val BACKGROUND = mapOf<String, suspend Devices.() -> Unit>(
    "a suspended client has no file open, answers locked, and goes on with everything" to {
        val key = Key()
        val (phone, plan) = begin(key)
        val setup = setUp(phone, plan)
        val heard = Heard()
        phone.listen(heard)
        val before = phone.projectionHash(plan)
        check(openFiles("phone").isNotEmpty()) { "the test sees no files" }
        repeat(3) {
            phone.pause()
            equal(openFiles("phone"), emptyList<String>())
            equal(directory("phone").list().orEmpty().toSet(), setOf("waymark.sqlite", "waymark.lock"))
            check(phone.isSuspended()) { "it is not suspended" }
            refused<WaymarkException.Locked>("locked") { phone.goals().list(plan) }
            refused<WaymarkException.Locked>("locked") { phone.syncNow() }
            phone.pause()
            phone.unpause()
            phone.unpause()
        }
        equal(key.asked, 4)
        same(phone.projectionHash(plan), before)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))

        // Another process may have it meanwhile.
        phone.suspend()
        open("phone", key).lock()
        phone.resume()
        val tablet = linkTherapist(phone, plan, Heard())
        val goal = tablet.goals().create(plan, GoalDraft("from the tablet"))
        tablet.syncNow()
        phone.syncNow()
        check(heard.wait { it is Change.Records && goal in it.records }) { "listeners went" }
        phone.suspend()
        phone.lock()
        refused<WaymarkException.Locked>("locked") { phone.resume() }
    },

    "a live connection rests while suspended and goes on by itself" to {
        val (phone, plan) = begin()
        val heard = Heard()
        val tablet = linkTherapist(phone, plan, heard)
        tablet.goLive().use {
            tablet.suspend()
            val goal = phone.goals().create(plan, GoalDraft("meanwhile"))
            phone.syncNow()
            tablet.resume()
            check(heard.wait { it is Change.Records && goal in it.records }) { "it rests for ever" }
            tablet.networkIsBack()
            val later = phone.goals().create(plan, GoalDraft("on another network"))
            phone.syncNow()
            check(heard.wait { it is Change.Records && later in it.records }) { "it is not back" }
        }
    },

    "a wake syncs within its budget and leaves the client as it found it" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        val goal = phone.goals().create(plan, GoalDraft("Walk"))
        phone.syncNow()
        tablet.suspend()
        equal(tablet.wake(30.seconds), SyncEnd.DONE)
        check(tablet.isSuspended()) { "it stays open" }
        equal(openFiles("tablet"), emptyList<String>())
        tablet.resume()
        equal(tablet.goals().get(plan, goal).statement, "Walk")
        equal(tablet.wake(30.seconds), SyncEnd.DONE)
        check(!tablet.isSuspended()) { "the app had it open" }
    },

    "a sync is cut where its time is up or the client is suspended, and what was written stays" to {
        Silent().use { silent ->
            val (phone, plan) = begin(relay = silent.url)
            val setup = setUp(phone, plan)
            phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
            equal(phone.sync(200.milliseconds), SyncEnd.CUT_OFF)
            coroutineScope {
                val sync = async(Dispatchers.Default) { phone.sync(300.seconds) }
                silent.isAsked()
                phone.suspend()
                equal(sync.await(), SyncEnd.CUT_OFF)
            }
            equal(phone.wake(200.milliseconds), SyncEnd.CUT_OFF)
            check(phone.isSuspended()) { "it stays open" }
            phone.resume()
            equal(allCheckIns(phone, plan).size, 1)
        }
    },

    "a clock that a test turns makes weeks pass" to {
        val clock = ManualClock(Instant.parse("2026-05-01T10:00:00Z"))
        val phone = openAt("phone", clock)
        phone.people().begin("Kim", "phone")
        val plan = phone.people().createPlan()
        val goal = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        repeat(14) {
            done(phone, plan, goal)
            clock.advance(Duration.ofDays(1))
        }
        equal(clock.now(), Instant.parse("2026-05-15T10:00:00Z"))
        equal(phone.progress().of(plan, goal).streak, 14u)
    },

    "the log tells what happens and nothing that people wrote" to {
        val secrets = listOf("Dr. Ada", STATEMENT.take(8), "mindfulness", NOTE.take(9))
        val said = CopyOnWriteArrayList<LogEvent>()
        logTo(LogLevel.DEBUG) {
            said += it
            error("a log that throws")
        }
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val tablet = linkTherapist(phone, plan, Heard())
        val person = phone.people().members(plan).first { it.role == Role.THERAPIST }.person
        phone.people().revoke(plan, person)
        phone.syncNow()
        refused<WaymarkException.Offline>("offline") { tablet.syncNow() }
        // It is told from another thread.
        fun isTold() = said.any { it.level == LogLevel.WARNING && "not in sync" in it.text }
        repeat(100) { if (!isTold()) delay(50.milliseconds) }
        setLogSink(null, LogLevel.WARNING)
        check(isTold()) { "$said" }
        for (event in said) {
            check(event.part.startsWith("waymark_")) { "$event" }
            check(secrets.none { it in event.text } && plan !in event.text) { "$event" }
        }
        // What was on its way is told all the same.
        do {
            val before = said.size
            delay(200.milliseconds)
        } while (said.size != before)
        val before = said.size
        refused<WaymarkException.Offline>("offline") { tablet.syncNow() }
        equal(said.size, before)
    },
)
