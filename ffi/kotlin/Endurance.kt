// Many threads at once, many openings, and texts and dates at their ends.

import java.io.File
import java.nio.charset.CharacterCodingException
import java.time.Instant
import java.time.LocalDate
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger
import kotlin.concurrent.thread
import kotlinx.coroutines.runBlocking
import waymark.*
import waymark.core.*

/** A line of what the kernel says of this process, in the unit that it says. */
fun kernelSays(name: String): Long = File("/proc/self/status").readLines()
    .first { it.startsWith("$name:") }
    .filter(Char::isDigit).toLong()

val ENDURANCE = mapOf<String, suspend Devices.() -> Unit>(
    "sixteen threads write, read and sync for ten seconds, and everything is there" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        val goal = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        val written = AtomicInteger()
        val thrown = ConcurrentLinkedQueue<Throwable>()
        val end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10)
        val threads = List(16) { number ->
            thread {
                runCatching {
                    while (System.nanoTime() < end) when (number % 4) {
                        0 -> {
                            done(phone, plan, goal, LocalDate.of(2026, 1 + number / 2, 1))
                            written.incrementAndGet()
                        }
                        1 -> {
                            phone.goals().list(plan)
                            phone.status()
                        }
                        2 -> phone.progress().of(plan, goal)
                        else -> runBlocking { listOf(phone, tablet).forEach { it.syncNow() } }
                    }
                }.onFailure(thrown::add)
            }
        }
        threads.forEach(Thread::join)
        equal(thrown.toList(), emptyList<Throwable>())
        listOf(phone, tablet).forEach { it.syncNow() }
        check(written.get() > 0) { "nobody came to write" }
        equal(allCheckIns(tablet, plan).size, written.get())
        same(phone.projectionHash(plan), tablet.projectionHash(plan))
    },

    "a thousand openings leave no file, no thread and no memory behind" to {
        val key = Key()
        val (phone, plan) = begin(key)
        phone.goals().create(plan, GoalDraft("Walk"))
        phone.lock()
        fun turn(times: Int) = repeat(times) {
            Waymark.open(config("phone"), key).use { it.lock() }
        }
        fun seen() = Triple(
            File("/proc/self/fd").list().orEmpty().size, kernelSays("Threads"), kernelSays("VmRSS"),
        )
        turn(200)
        System.gc()
        val (files, threads, memory) = seen()
        turn(800)
        System.gc()
        val after = seen()
        check(after.first <= files + 8) { "$files files, then ${after.first}" }
        check(after.second <= threads + 4) { "$threads threads, then ${after.second}" }
        // In KiB. The heap of the virtual machine grows as it pleases up to its limit; a leak of one
        // engine, some 200 KiB, would come to 160 MiB.
        check(after.third <= memory + 64 * 1024) { "$memory KiB, then ${after.third}" }
        equal(open("phone", key).goals().list(plan).size, 1)
    },

    "texts in every script, with a zero and beyond the basic plane, come back as they were written" to {
        val (phone, plan) = begin()
        val tablet = linkTherapist(phone, plan, Heard())
        val texts = listOf(
            "👩🏽‍🚀🏳️‍🌈", "עברית ואז English", "\u202Eright to left\u202C", "a\u0000b", "\u0000",
            "cafe\u0301 and café", "\uD83C\uDF3F", "ﷺ", "日本語", "\u2028", "🌿".repeat(4_000),
        )
        for (text in texts) phone.checkIns().log(plan, NewCheckIn(outcome = Outcome.NOTE_ONLY, note = text))
        val before = phone.projectionHash(plan)
        for (half in listOf("\uD83C", "\uDF3F", "a\uDF3F\uD83C")) {
            val note = NewCheckIn(outcome = Outcome.NOTE_ONLY, note = half)
            val thrown = runCatching { phone.checkIns().log(plan, note) }.exceptionOrNull()
            check(thrown is CharacterCodingException) { "$thrown" }
        }
        same(phone.projectionHash(plan), before)
        listOf(phone, tablet).forEach { it.syncNow() }
        for (device in listOf(phone, tablet)) {
            equal(allCheckIns(device, plan).map { it.note }.toSet(), texts.toSet())
        }
    },

    "dates at both ends of the range are kept, and those beyond are refused" to {
        val (phone, plan) = begin()
        val goal = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        val first = LocalDate.of(1900, 1, 1)
        val last = LocalDate.of(9999, 12, 31)
        for (date in listOf(first, last)) {
            done(phone, plan, goal, date)
            equal(phone.checkIns().on(plan, date).single().date, date)
        }
        equal(phone.checkIns().months(plan), listOf(first, last.withDayOfMonth(1)))
        val leap = LocalDate.of(2028, 2, 29)
        val at = Instant.parse("1900-01-01T00:00:00.001Z")
        phone.checkIns().logAt(plan, TimedCheckIn(NewCheckIn(outcome = Outcome.REST, date = leap), at))
        equal(phone.checkIns().on(plan, leap).single().at, at)
        val before = phone.projectionHash(plan)
        for (date in listOf(first.minusDays(1), last.plusDays(1), LocalDate.MIN, LocalDate.MAX)) {
            refused<WaymarkException.InvalidInput>("invalid_input") { done(phone, plan, goal, date) }
        }
        for (instant in listOf(Instant.MIN, Instant.MAX)) {
            refused<WaymarkException.InvalidInput>("invalid_input") {
                phone.checkIns().logAt(plan, TimedCheckIn(NewCheckIn(outcome = Outcome.REST), instant))
            }
        }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            phone.checkIns().days(plan, goal, LocalDate.of(2000, 1, 1), LocalDate.of(2030, 1, 1))
        }
        same(phone.projectionHash(plan), before)
    },
)
