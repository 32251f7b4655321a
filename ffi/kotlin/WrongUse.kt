// What cannot be right is refused, and nothing is lost by it.

import java.net.ServerSocket
import java.nio.charset.CharacterCodingException
import java.time.Instant
import java.time.LocalDate
import waymark.*
import waymark.core.*

val WRONG_USE = mapOf<String, suspend Devices.() -> Unit>(
    "what cannot be right is refused with its code, and nothing is logged" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        val goals = phone.goals()
        val checkIns = phone.checkIns()
        goals.create(plan, GoalDraft("🌿".repeat(500)))
        val before = phone.projectionHash(plan)
        refused<WaymarkException.NotFound>("not_found") { goals.get(plan, UNKNOWN) }
        refused<WaymarkException.NotFound>("not_found") {
            checkIns.log(plan, checkIn(UNKNOWN, setup.mood))
        }
        refused<WaymarkException.NotFound>("not_found") { goals.list("A".repeat(43)) }
        val outside = refused<WaymarkException.InvalidInput>("invalid_input") {
            val ratings = listOf(Rating(setup.mood, 11))
            checkIns.log(plan, NewCheckIn(outcome = Outcome.DONE, ratings = ratings))
        }
        check("outside 0–10" in outside.reason) { outside.reason }
        check("outside 0–10" in "$outside") { "$outside" }
        equal(outside.errorClass(), ErrorClass.FIX_INPUT)
        for (statement in listOf("x".repeat(501), "🌿".repeat(501), "")) {
            refused<WaymarkException.InvalidInput>("invalid_input") {
                goals.create(plan, GoalDraft(statement))
            }
        }
        // What does not convert at the edge is the same kind of error, no fault of the library.
        refused<WaymarkException.InvalidInput>("invalid_input") { goals.get(plan, "no id") }
        refused<WaymarkException.InvalidInput>("invalid_input") { goals.get("no id", setup.goal) }
        refused<WaymarkException.InvalidInput>("invalid_input") { checkIns.on(plan, LocalDate.MAX) }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            checkIns.logAt(plan, TimedCheckIn(checkIn(setup.goal, setup.mood), Instant.MAX))
        }
        refused<WaymarkException.InvalidInput>("invalid_input") {
            checkIns.logAt(plan, TimedCheckIn(checkIn(setup.goal, setup.mood), Instant.MIN))
        }
        refused<WaymarkException.BadCard>("bad_card") {
            phone.people().addTherapist(plan, byteArrayOf(0, 1))
        }
        same(phone.projectionHash(plan), before)
    },

    "half a character is refused by Kotlin, and nothing is lost" to {
        val (phone, plan) = begin()
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val before = phone.projectionHash(plan)
        for (text in listOf("\uD800", "a note that ends in \uDC00")) {
            val note = NewCheckIn(outcome = Outcome.NOTE_ONLY, note = text)
            for (call in listOf({ phone.checkIns().log(plan, note) }, { phone.people().card(text, "x") })) {
                val thrown = runCatching(call).exceptionOrNull()
                check(thrown is CharacterCodingException) { "$thrown" }
            }
        }
        same(phone.projectionHash(plan), before)
        phone.checkIns().log(plan, NewCheckIn(outcome = Outcome.NOTE_ONLY, note = "\uD800\uDC00"))
        equal(allCheckIns(phone, plan).map { it.note }, listOf(NOTE, "\uD800\uDC00"))
    },

    "without a relay local calls succeed, and the status says so" to {
        val nowhere = ServerSocket(0).use { "http://127.0.0.1:${it.localPort}" }
        val (phone, plan) = begin(relay = nowhere)
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val offline = refused<WaymarkException.Offline>("offline") { phone.syncNow() }
        equal(offline.errorClass(), ErrorClass.WAIT)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        equal(allCheckIns(phone, plan).size, 2)
        val status = phone.status()[1]
        equal(status.plan to status.problem, plan to "offline")
        check(status.unsent + status.onTheWay > 0u) { "$status" }
    },
)
