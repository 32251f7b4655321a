// What calls cost from Kotlin: the measures of ffi/python/cost.py, each in a process of its own.

import java.io.File
import java.io.FileOutputStream
import java.time.LocalDate
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import waymark.*
import waymark.core.*

private object Fixed : KeyProvider {
    override fun storageKey() = ByteArray(32) { 7 }
}

fun main(arguments: Array<String>) {
    // The last is the relay for "event".
    val (does, directory, plan) = arguments
    println("loaded ${seconds { version() }}")
    if (does == "event") return runBlocking { changes(directory, plan) }
    val config = WaymarkConfig(directory, "http://127.0.0.1:9", "Europe/Amsterdam")
    val before = resident()
    lateinit var client: Waymark
    val start = seconds {
        client = Waymark.open(config, Fixed)
        check(client.goals().list(plan).size == 20)
        check(client.checkIns().on(plan, LocalDate.now()).size >= 10)
    }
    println("start $start")
    if (does == "memory") {
        client.progress().all(plan)
        println("memory ${maxOf(resident() - before, 0)}")
    }
    if (does == "calls") calls(client, plan, directory)
    client.lock()
}

private fun calls(client: Waymark, plan: PlanId, directory: String) {
    val goals = client.goals()
    println("empty ${each(2_000) { version() }}")
    println("list ${each(500) { goals.list(plan) }}")
    val done = NewCheckIn(goal = goals.list(plan).first().id, outcome = Outcome.DONE, note = "x".repeat(80))
    val checkIns = client.checkIns()
    println("check-in ${each(200) { checkIns.log(plan, done) }}")
    FileOutputStream(File(directory, "flush")).use {
        val bytes = ByteArray(400)
        println("flush ${each(200) {
            it.write(bytes)
            it.fd.sync()
        }}")
    }
}

/** Two devices that stay connected: from an edit of one to the other's listener. */
private suspend fun changes(directory: String, relay: String) {
    val (phone, tablet) = listOf("phone", "tablet").map {
        Waymark.open(WaymarkConfig("$directory/$it", relay, "UTC"), Fixed)
    }
    phone.people().begin("Kim", "phone")
    val plan = phone.people().createPlan()
    val card = tablet.people().card("Ada", "tablet")
    phone.people().addTherapist(plan, card)
    phone.syncNow()
    tablet.people().accept(phone.people().welcome(card)!!)
    tablet.syncNow()
    val heard = LinkedBlockingQueue<Int>()
    tablet.listen { changes: List<Change> -> if (changes.any { it is Change.Records }) heard.add(1) }
    val live = listOf(phone, tablet).map { it.goLive() }
    fun edit() {
        heard.clear()
        phone.goals().create(plan, GoalDraft("Walk"))
        checkNotNull(heard.poll(30, TimeUnit.SECONDS)) { "nobody was told" }
    }
    edit()
    println("event ${each(50) { edit() }}")
    live.forEach { it.stop() }
    listOf(phone, tablet).forEach { it.lock() }
}

/** The median of the second half of so many calls: the virtual machine has compiled them by then. */
private inline fun each(times: Int, call: () -> Unit): Double {
    val taken = List(times) { seconds(call) }.drop(times / 2).sorted()
    return taken[taken.size / 2]
}

private inline fun seconds(call: () -> Unit): Double {
    val begun = System.nanoTime()
    call()
    return (System.nanoTime() - begun) / 1e9
}

private fun resident() = File("/proc/self/status").readLines()
    .first { it.startsWith("VmRSS:") }.filter(Char::isDigit).toLong()
