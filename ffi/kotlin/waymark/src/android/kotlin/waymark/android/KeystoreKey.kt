package waymark.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.KeyStore
import java.security.SecureRandom
import java.security.UnrecoverableKeyException
import javax.crypto.AEADBadTagException
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import waymark.KeyProvider
import waymark.KeyProviderException

/**
 * The storage key in the Android Keystore: 32 random bytes, wrapped under a key that never leaves the
 * phone's secure hardware, in a file that no backup takes along. A phone that came back from a backup
 * therefore has another key, and opening says `key_lost`: offer recovery (docs/apps.md).
 *
 * It asks for no unlocking, so that the app can sync in the background of a phone that was unlocked
 * once since it started.
 */
class KeystoreKey(context: Context, private val alias: String = "waymark") : KeyProvider {
    private val file = File(context.noBackupFilesDir, "$alias.key")

    @Synchronized
    override fun storageKey(): ByteArray = try {
        if (file.exists()) unwrapped(file.readBytes()) else made()
    } catch (error: KeyPermanentlyInvalidatedException) {
        throw gone(error)
    } catch (error: UnrecoverableKeyException) {
        throw gone(error)
    } catch (error: AEADBadTagException) {
        throw gone(error)
    } catch (error: GeneralSecurityException) {
        throw unavailable(error)
    } catch (error: IOException) {
        throw unavailable(error)
    }

    private fun made(): ByteArray {
        val key = ByteArray(32).also(SecureRandom()::nextBytes)
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, wrapping() ?: madeWrapping())
        write(cipher.iv + cipher.doFinal(key))
        return key
    }

    private fun unwrapped(wrapped: ByteArray): ByteArray {
        val wrapping = wrapping() ?: throw KeyProviderException.Gone("the keystore has no such key")
        if (wrapped.size <= IV) throw KeyProviderException.Gone("the wrapped key is cut")
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, wrapping, GCMParameterSpec(128, wrapped, 0, IV))
        return cipher.doFinal(wrapped, IV, wrapped.size - IV)
    }

    private fun wrapping(): SecretKey? {
        val store = KeyStore.getInstance(STORE).apply { load(null) }
        return store.getKey(alias, null) as SecretKey?
    }

    private fun madeWrapping(): SecretKey {
        val purposes = KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT
        val generator = KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, STORE)
        generator.init(
            KeyGenParameterSpec.Builder(alias, purposes)
                .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
                .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
                .setKeySize(256)
                .build(),
        )
        return generator.generateKey()
    }

    // A key that is half on the disk after a crash would be a database lost.
    private fun write(bytes: ByteArray) {
        val unfinished = File(file.path + ".tmp")
        FileOutputStream(unfinished).use {
            it.write(bytes)
            it.fd.sync()
        }
        if (!unfinished.renameTo(file)) throw IOException("the wrapped key was not kept")
    }

    private fun gone(error: Exception) = KeyProviderException.Gone(error.javaClass.simpleName)

    private fun unavailable(error: Exception) = KeyProviderException.Unavailable(error.javaClass.simpleName)

    private companion object {
        const val STORE = "AndroidKeyStore"
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val IV = 12
    }
}
