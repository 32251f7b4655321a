// What a widget leaves for the app is logged, once.

import java.io.File
import java.time.Instant
import java.time.LocalDate
import kotlin.time.Duration.Companion.seconds
import waymark.*
import waymark.core.*

fun Devices.beginWithBox(): Triple<Waymark, PlanId, File> {
    val box = directory("box")
    val phone = openWithBox("phone", Key(), box)
    phone.people().begin("Kim", "phone")
    return Triple(phone, phone.people().createPlan(), box)
}

val DROPPED = mapOf<String, suspend Devices.() -> Unit>(
    "what a widget leaves is logged when the app opens, resumes or wakes, once" to {
        val (phone, plan, box) = beginWithBox()
        val goal = phone.goals().create(plan, GoalDraft("Walk", schedule = daily()))
        val widget = DropBox(box, phone.dropBoxKey())
        val at = Instant.parse("2026-05-01T10:00:00Z")
        val day = LocalDate.of(2026, 5, 1)
        phone.suspend()
        widget.checkIn(plan, goal, Outcome.DONE, quantity = 2.5, note = NOTE, at = at, date = day)
        phone.resume()
        val entry = phone.checkIns().on(plan, day).single()
        equal(listOf(entry.goal, entry.outcome, entry.quantity), listOf(goal, Outcome.DONE, 2.5))
        equal(entry.note to entry.at, NOTE to at)
        equal(box.list().orEmpty().toList(), emptyList<String>())

        phone.suspend()
        for (outcome in Outcome.entries) {
            widget.checkIn(plan, null, outcome, at = at.plusMillis(10L + outcome.ordinal), date = day)
        }
        equal(phone.wake(30.seconds), SyncEnd.DONE)
        phone.resume()
        val outcomes = phone.checkIns().on(plan, day).drop(1).map { it.outcome }
        equal(outcomes, Outcome.entries.toList())

        // At the ends of what can be: the first and the last date, long before 1970, and a full note.
        val ends = listOf(LocalDate.of(1900, 1, 1), LocalDate.of(9999, 12, 31))
        for (end in ends) {
            val noon = Instant.parse("${end}T12:00:00Z")
            widget.checkIn(plan, goal, Outcome.DONE, note = "🌿".repeat(4_000), at = noon, date = end)
        }
        equal(phone.takeInDropped().logged.size, 2)
        for (end in ends) equal(phone.checkIns().on(plan, end).size, 1)
    },

    "what cannot be taken in is named and stays, and what is not there yet waits" to {
        val (phone, plan, box) = beginWithBox()
        val widget = DropBox(box, phone.dropBoxKey())
        equal(phone.takeInDropped(), DropBoxReport(emptyList(), 0u, emptyList()))
        widget.checkIn(plan, UNKNOWN, Outcome.DONE)
        equal(phone.takeInDropped().waiting, 1u)
        File(box, "nonsense.intent").writeBytes(ByteArray(80) { 1 })
        DropBox(box, ByteArray(32)).checkIn(plan, null, Outcome.DONE, note = "not ours")
        val report = phone.takeInDropped()
        equal(listOf(report.logged.size, report.refused.size), listOf(0, 2))
        check(report.refused.all { it.reason != null && "ours" !in it.reason!! }) { "$report" }
        equal(phone.takeInDropped().refused.map { it.reason }, listOf(null, null))
        for (wrong in listOf({ widget.checkIn("no id", null, Outcome.DONE) }, {
            widget.checkIn(plan, null, Outcome.NOTE_ONLY, note = "\uD800")
        })) {
            val thrown = runCatching(wrong).exceptionOrNull()
            check(thrown is IllegalArgumentException) { "$thrown" }
        }
        equal(allCheckIns(phone, plan), emptyList<CheckInView>())
        val without = open("without")
        refused<WaymarkException.NotFound>("not_found") { without.takeInDropped() }
        refused<WaymarkException.NotFound>("not_found") { without.dropBoxKey() }
    },

    "a phone that came back without its key begins anew from 24 words" to {
        val key = Key()
        val (phone, plan) = begin(key)
        val words = phone.people().makePhrase()
        phone.people().confirmPhrase()
        val setup = setUp(phone, plan)
        val logged = phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        repeat(4) { phone.syncNow() }
        phone.lock()
        refused<WaymarkException.NotAllowed>("not_allowed") { putAside(config("phone"), key) }

        // The backup brought the files back, and the keychain has made another key.
        val fresh = Key()
        refused<WaymarkException.KeyLost>("key_lost") { open("phone", fresh) }
        putAside(config("phone"), fresh)
        val restored = open("phone", fresh)
        equal(restored.people().plans(), emptyList<PlanId>())
        restored.people().restore(words, "Kim", "phone again")
        repeat(4) { restored.syncNow() }
        equal(restored.people().plans(), listOf(plan))
        equal(allCheckIns(restored, plan).map { it.id }, listOf(logged))
        check("waymark.lost-1.sqlite" in directory("phone").list().orEmpty()) { "it was thrown away" }
    },
)
