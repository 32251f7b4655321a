package waymark

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.nio.ByteBuffer
import java.security.SecureRandom
import java.time.Instant
import java.time.LocalDate
import java.util.Base64
import javax.crypto.Cipher
import javax.crypto.spec.IvParameterSpec
import javax.crypto.spec.SecretKeySpec
import waymark.core.GoalId
import waymark.core.Outcome
import waymark.core.PlanId

/**
 * Leaves check-ins for the app, from a widget, a notification's action or another process. It needs
 * neither the library nor the database: only [key], which [Waymark.dropBoxKey] gave the app, and the
 * directory that the app was configured with. When [checkIn] returns, the check-in is on the disk; the
 * app logs it, once, when it opens next.
 */
class DropBox(private val directory: File, private val key: ByteArray) {
    init {
        require(key.size == 32) { "the key of a drop box has 32 bytes" }
    }

    /**
     * Leaves a check-in about [goal], or a note on its own without one.
     *
     * @throws IOException where it cannot be written: then nothing is left
     * @throws IllegalArgumentException where a text is half a character, or an id is none
     */
    fun checkIn(
        plan: PlanId,
        goal: GoalId?,
        outcome: Outcome,
        quantity: Double? = null,
        note: String? = null,
        at: Instant = Instant.now(),
        date: LocalDate = LocalDate.now(),
    ) {
        val intent = Cbor()
        intent.map(5 + listOfNotNull(goal, quantity, note).size)
        intent.key(0).number(1)
        intent.key(1).bytes(id(plan, 32))
        goal?.let { intent.key(2).bytes(id(it, 16)) }
        intent.key(3).number(code(outcome))
        intent.key(4).number(at.toEpochMilli())
        intent.key(5).text(date.toString())
        quantity?.let { intent.key(6).amount(it) }
        note?.let { intent.key(7).text(it) }
        write(byteArrayOf(1) + sealed(intent.written()))
    }

    private fun sealed(text: ByteArray): ByteArray {
        val nonce = ByteArray(12).also(random::nextBytes)
        val cipher = Cipher.getInstance("ChaCha20-Poly1305")
        cipher.init(Cipher.ENCRYPT_MODE, SecretKeySpec(key, "ChaCha20"), IvParameterSpec(nonce))
        cipher.updateAAD("waymark/1 drop box".toByteArray())
        return nonce + cipher.doFinal(text)
    }

    // The app takes in what has its name: whole, and on the disk.
    private fun write(bytes: ByteArray) {
        if (!directory.isDirectory && !directory.mkdirs() && !directory.isDirectory) {
            throw IOException("there is no drop box")
        }
        val name = ByteArray(16).also(random::nextBytes).joinToString("") { "%02x".format(it) }
        val unfinished = File(directory, "$name.tmp")
        FileOutputStream(unfinished).use {
            it.write(bytes)
            it.fd.sync()
        }
        if (!unfinished.renameTo(File(directory, "$name.intent"))) {
            unfinished.delete()
            throw IOException("the drop box cannot be written")
        }
    }

    private fun id(text: String, length: Int): ByteArray {
        val bytes = Base64.getUrlDecoder().decode(text)
        require(bytes.size == length) { "an id has $length bytes" }
        return bytes
    }

    private fun code(outcome: Outcome) = when (outcome) {
        Outcome.DONE -> 1L
        Outcome.PARTIAL -> 2L
        Outcome.REST -> 3L
        Outcome.EXCUSED -> 4L
        Outcome.NOTE_ONLY -> 5L
    }

    private companion object {
        val random = SecureRandom()
    }
}

/** As much of CBOR (RFC 8949) as an intent needs. */
private class Cbor {
    private val out = ByteArrayOutputStream()

    fun map(entries: Int) = head(5, entries.toLong())

    fun key(number: Int) = apply { head(0, number.toLong()) }

    fun number(value: Long) = if (value < 0) head(1, -1 - value) else head(0, value)

    fun amount(value: Double) {
        out.write(0xfb)
        out.write(ByteBuffer.allocate(8).putDouble(value).array())
    }

    fun bytes(value: ByteArray) {
        head(2, value.size.toLong())
        out.write(value)
    }

    fun text(value: String) {
        val encoder = Charsets.UTF_8.newEncoder()
        require(encoder.canEncode(value)) { "a text ends in the middle of a character" }
        val bytes = value.toByteArray()
        head(3, bytes.size.toLong())
        out.write(bytes)
    }

    fun written(): ByteArray = out.toByteArray()

    private fun head(major: Int, value: Long) {
        val (info, size) = when {
            value < 24 -> value.toInt() to 0
            value < 0x100 -> 24 to 1
            value < 0x1_0000 -> 25 to 2
            value < 0x1_0000_0000 -> 26 to 4
            else -> 27 to 8
        }
        out.write(major shl 5 or info)
        out.write(ByteBuffer.allocate(8).putLong(value).array(), 8 - size, size)
    }
}
