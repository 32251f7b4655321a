package sample

import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.update
import kotlinx.coroutines.launch
import waymark.Answer
import waymark.GoalDraft
import waymark.Waymark
import waymark.attempt
import waymark.edit
import waymark.stayLive
import waymark.sync
import waymark.watch
import waymark.core.GoalId
import waymark.core.InvitationPurpose
import waymark.core.NewCheckIn
import waymark.core.Outcome
import waymark.core.PlanId
import waymark.core.Schedule
import waymark.core.SchedulePattern

/** One row of the list. */
data class Row(val goal: GoalId, val statement: String, val doneToday: Boolean, val streak: UInt)

/** What the one screen shows. */
data class TodayState(
    val rows: List<Row> = emptyList(),
    val sync: SyncState = SyncState.UNKNOWN,
    /** A link to hand to a therapist. A secret: it is shown, and not logged. */
    val link: String? = null,
    /** What the person has to be told, as a stable code. */
    val problem: String? = null,
)

/** How the plan stands with the relay. */
enum class SyncState { UNKNOWN, UP_TO_DATE, TO_SEND, OFFLINE }

/** The logic of the sample: today's goals, a check-in, progress, sharing, and the state of the sync. */
class Today(private val waymark: Waymark, private val plan: PlanId, private val scope: CoroutineScope) {
    private val shown = MutableStateFlow(TodayState())

    /** What the screen draws. */
    val state: StateFlow<TodayState> = shown

    /** Shows the plan, and stays connected while the screen is in front: until the job is cancelled. */
    fun start(): Job = scope.launch {
        launch { waymark.watch(plan) { rows() }.collect { rows -> shown.update { it.copy(rows = rows) } } }
        launch { waymark.watch(plan) { syncState() }.collect { now -> shown.update { it.copy(sync = now) } } }
        launch { waymark.stayLive() }
    }

    /** Adds a goal for every day. */
    suspend fun add(statement: String) = told {
        edit(plan) {
            goals().create(plan, GoalDraft(statement, schedule = Schedule(pattern = SchedulePattern.Daily)))
        }
    }

    /** Logs that a goal was done today. */
    suspend fun checkIn(goal: GoalId, note: String? = null) = told {
        edit(plan) { checkIns().log(plan, NewCheckIn(goal = goal, outcome = Outcome.DONE, note = note)) }
    }

    /** Makes a link for a therapist, and sends what makes it open. */
    suspend fun share() = told {
        val link = invitations().invite(InvitationPurpose.Plan(plan)).use { it.text() }
        shown.update { it.copy(link = link) }
        sync(20.seconds)
    }

    /** The person has seen the problem, or the link. */
    fun dismiss() = shown.update { it.copy(problem = null, link = null) }

    private suspend fun told(call: suspend Waymark.() -> Unit) {
        when (val answer = waymark.attempt(call)) {
            // What waits for a network is kept, and shown as the state of the sync.
            is Answer.Got, is Answer.Wait -> {}
            is Answer.Failed -> shown.update { it.copy(problem = answer.code) }
        }
    }

    private fun Waymark.rows(): List<Row> {
        val streaks = progress().all(plan).associate { it.goal to it.streak }
        val today = people().summaries().first { it.plan == plan }.today?.date
        val done = today?.let { day ->
            checkIns().on(plan, day).filter { it.outcome == Outcome.DONE }.mapNotNull { it.goal }.toSet()
        }.orEmpty()
        return goals().list(plan).map { goal ->
            Row(goal.id, goal.statement, goal.id in done, streaks[goal.id] ?: 0u)
        }
    }

    private fun Waymark.syncState(): SyncState {
        val status = status().first { it.plan == plan }
        return when {
            status.problem != null -> SyncState.OFFLINE
            status.unsent + status.onTheWay > 0u -> SyncState.TO_SEND
            status.synced == null -> SyncState.UNKNOWN
            else -> SyncState.UP_TO_DATE
        }
    }
}
