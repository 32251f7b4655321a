package waymark.android

import android.content.Context
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.ExistingWorkPolicy
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.PeriodicWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.minutes
import waymark.Answer
import waymark.SyncEnd
import waymark.Waymark
import waymark.attempt
import waymark.wake

/** What an app's `Application` implements so that workers find its client. */
interface WaymarkOwner {
    /** The one client of this process; null before the person has begun. */
    suspend fun waymark(): Waymark?
}

/** Syncs in the background, within the ten minutes that Android grants a worker. */
class SyncWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val waymark = (applicationContext as WaymarkOwner).waymark() ?: return Result.success()
        return when (val woken = waymark.attempt { wake(9.minutes) }) {
            is Answer.Got -> if (woken.value == SyncEnd.DONE) Result.success() else Result.retry()
            is Answer.Wait -> Result.retry()
            is Answer.Failed -> Result.failure()
        }
    }

    companion object {
        private val online = Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build()

        /** Syncs every six hours, and after a restart of the phone again. */
        fun schedule(context: Context) {
            val work = PeriodicWorkRequestBuilder<SyncWorker>(6, TimeUnit.HOURS).setConstraints(online).build()
            WorkManager.getInstance(context)
                .enqueueUniquePeriodicWork("waymark", ExistingPeriodicWorkPolicy.UPDATE, work)
        }

        /** Syncs as soon as there is a network: after a push, or when the app goes to the background. */
        fun soon(context: Context) {
            val work = OneTimeWorkRequestBuilder<SyncWorker>().setConstraints(online).build()
            WorkManager.getInstance(context)
                .enqueueUniqueWork("waymark-soon", ExistingWorkPolicy.KEEP, work)
        }
    }
}
