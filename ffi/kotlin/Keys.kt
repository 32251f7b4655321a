// Only the key opens what is kept, and what is erased is gone.

import waymark.*
import waymark.core.*

val KEYS = mapOf<String, suspend Devices.() -> Unit>(
    "wrong keys and providers that throw leave the database as it was" to {
        val key = Key()
        val (phone, plan) = begin(key)
        equal(key.asked, 1)
        refused<WaymarkException.Locked>("locked") { open("phone", key) }
        phone.lock()
        refused<WaymarkException.KeyLost>("key_lost") { open("phone", Key()) }
        refused<WaymarkException.InvalidInput>("invalid_input") { open("phone", Key(ByteArray(31))) }
        refused<WaymarkException.KeyLost>("key_lost") {
            open("phone", Without(KeyProviderException.Gone("the keystore was reset")))
        }
        refused<WaymarkException.Locked>("locked") {
            open("phone", Without(KeyProviderException.Unavailable("before the first unlock")))
        }
        val thrown = refused<WaymarkException.Locked>("locked") {
            open("phone", Without(IllegalStateException("something else")))
        }
        check(thrown.reason.lines().size == 1) { "a stack trace: ${thrown.reason}" }
        equal(open("phone", key).people().plans(), listOf(plan))
    },

    "a locked client answers nothing and opens again with everything" to {
        val key = Key()
        val (phone, plan) = begin(key)
        val setup = setUp(phone, plan)
        phone.checkIns().log(plan, checkIn(setup.goal, setup.mood))
        val before = phone.projectionHash(plan)
        val goals = phone.goals()
        val live = phone.goLive()
        phone.lock()
        val calls = listOf<suspend () -> Unit>(
            { goals.list(plan) },
            { phone.status() },
            { phone.goLive() },
            { phone.syncNow() },
            { phone.exportAll() },
            { phone.lock() },
            { phone.people().begin("Kim", "phone") },
        )
        for (call in calls) refused<WaymarkException.Locked>("locked") { call() }
        // At once, also while the live connection of the old client still ends.
        same(open("phone", key).projectionHash(plan), before)
        live.stop()
    },

    "what is erased is gone, and the directory serves a new beginning" to {
        val (phone, plan) = begin()
        check(plan in phone.exportAll()) { "the export misses the plan" }
        phone.eraseEverything()
        refused<WaymarkException.Locked>("locked") { phone.status() }
        val new = open("phone")
        equal(new.people().plans(), emptyList<PlanId>())
        equal(new.diagnostics().database, null)
        equal(new.diagnostics().version, version())
        equal(new.evidence(), emptyList<ForkEvidence>())
        refused<WaymarkException.InvalidInput>("invalid_input") { checkEvidence(byteArrayOf(1)) }
    },
)
