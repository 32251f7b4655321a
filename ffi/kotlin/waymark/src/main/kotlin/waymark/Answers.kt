package waymark

import java.nio.charset.CharacterCodingException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import waymark.core.ErrorClass
import waymark.core.WaymarkException

/** What came of a call: what was asked for, or what to do about that it could not be had. */
sealed interface Answer<out T> {
    /** What was asked for. */
    data class Got<out T>(val value: T) : Answer<T>

    /** It could not be had. Whatever it was about is as it was before. */
    sealed interface Failed : Answer<Nothing> {
        /** Why, for whoever debugs. It holds nothing that people wrote. */
        val error: WaymarkException

        /** The stable name of the error, such as `not_found`. */
        val code: String get() = error.code()
    }

    /** Nothing is to be done: it is tried again, and everything is kept. */
    data class Wait(override val error: WaymarkException) : Failed

    /** The person has to free, unlock, update or allow something. */
    data class AskUser(override val error: WaymarkException) : Failed

    /** What was given has to be corrected. */
    data class FixInput(override val error: WaymarkException) : Failed

    /** Something is broken, or somebody misbehaves. */
    data class Report(override val error: WaymarkException) : Failed
}

/** What was asked for, or nothing. */
fun <T> Answer<T>.orNull(): T? = (this as? Answer.Got)?.value

/**
 * Makes calls on a thread that may wait for the disk. Local calls are durable when they return, so
 * they wait for it: a few milliseconds that a screen has not.
 */
suspend fun <T> Waymark.onDisk(call: suspend Waymark.() -> T): T =
    withContext(Dispatchers.IO) { call() }

/** The same, with what failed as an [Answer]. A coroutine that is cancelled stays cancelled. */
suspend fun <T> Waymark.attempt(call: suspend Waymark.() -> T): Answer<T> = try {
    Answer.Got(onDisk(call))
} catch (error: WaymarkException) {
    failed(error)
} catch (_: CharacterCodingException) {
    failed(WaymarkException.InvalidInput("a text ends in the middle of a character"))
}

private fun failed(error: WaymarkException): Answer.Failed = when (error.errorClass()) {
    ErrorClass.WAIT -> Answer.Wait(error)
    ErrorClass.ASK_USER -> Answer.AskUser(error)
    ErrorClass.FIX_INPUT -> Answer.FixInput(error)
    ErrorClass.REPORT -> Answer.Report(error)
}
