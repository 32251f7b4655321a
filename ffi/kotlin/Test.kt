// The Kotlin binding, end to end: engines of several people against a real relay.
//
// Each test says what somebody would lose if it failed. The last line counts: N passed, M failed.

import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking

val TESTS = MAIN_JOB + SHARING + WRONG_USE + KEYS + MILESTONES + TOGETHER + DAYS +
    FLOWS + BACKGROUND + DROPPED + ENDURANCE + SAMPLE + GUIDE

fun main() {
    var failed = 0
    Relay().use { relay ->
        for ((name, test) in TESTS) {
            val thrown = runCatching {
                Devices(relay.url).use { devices -> runBlocking { devices.test() } }
            }.exceptionOrNull()
            println("${if (thrown == null) "ok    " else "FAILED"} $name")
            if (thrown != null) {
                failed += 1
                thrown.printStackTrace(System.out)
            }
        }
    }
    println("${TESTS.size - failed} passed, $failed failed")
    exitProcess(if (failed == 0) 0 else 1)
}
