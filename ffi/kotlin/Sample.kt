// The logic of the sample app, without its screen.

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.first
import sample.SyncState
import sample.Today
import sample.TodayState
import waymark.*
import waymark.core.*

suspend fun Today.shows(what: (TodayState) -> Boolean): TodayState = soon { state.first(what) }

val SAMPLE = mapOf<String, suspend Devices.() -> Unit>(
    "the sample shows goals, takes check-ins, counts them, shares, and says how the sync stands" to {
        val (phone, plan) = begin()
        val today = Today(phone, plan, CoroutineScope(Dispatchers.Default))
        val front = today.start()
        today.add("Ten minutes outside 🌿")
        val row = today.shows { it.rows.size == 1 }.rows.single()
        equal(listOf(row.statement, row.doneToday, row.streak), listOf("Ten minutes outside 🌿", false, 0u))
        today.checkIn(row.goal, "It rained")
        today.shows { it.rows.single().doneToday && it.rows.single().streak == 1u }
        today.shows { it.sync == SyncState.UP_TO_DATE }
        today.add("")
        equal(today.shows { it.problem != null }.problem, "invalid_input")
        today.dismiss()
        today.share()
        val link = today.shows { it.link != null }.link!!
        val tablet = open("tablet")
        tablet.invitations().accept(link, "Dr. Ada", "tablet")
        front.cancelAndJoin()
    },

    "the sample says that it is offline and keeps what was written" to {
        Silent().use { silent ->
            silent.close()
            val (phone, plan) = begin(relay = silent.url)
            val today = Today(phone, plan, CoroutineScope(Dispatchers.Default))
            val front = today.start()
            today.add("Walk")
            today.shows { it.sync == SyncState.OFFLINE }
            equal(today.shows { it.rows.size == 1 }.problem, null)
            front.cancelAndJoin()
        }
    },
)
