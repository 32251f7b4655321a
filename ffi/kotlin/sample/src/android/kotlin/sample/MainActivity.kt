package sample

import android.os.Bundle
import androidx.activity.ComponentActivity
import androidx.activity.compose.setContent
import androidx.compose.foundation.clickable
import androidx.compose.foundation.layout.Arrangement
import androidx.compose.foundation.layout.Column
import androidx.compose.foundation.layout.Row
import androidx.compose.foundation.layout.fillMaxWidth
import androidx.compose.foundation.layout.padding
import androidx.compose.foundation.lazy.LazyColumn
import androidx.compose.foundation.lazy.items
import androidx.compose.material3.Button
import androidx.compose.material3.MaterialTheme
import androidx.compose.material3.OutlinedTextField
import androidx.compose.material3.Text
import androidx.compose.material3.TextButton
import androidx.compose.runtime.Composable
import androidx.compose.runtime.collectAsState
import androidx.compose.runtime.getValue
import androidx.compose.runtime.mutableStateOf
import androidx.compose.runtime.remember
import androidx.compose.runtime.rememberCoroutineScope
import androidx.compose.runtime.setValue
import androidx.compose.ui.Modifier
import androidx.compose.ui.unit.dp
import androidx.lifecycle.Lifecycle
import androidx.lifecycle.lifecycleScope
import androidx.lifecycle.repeatOnLifecycle
import java.io.File
import java.time.ZoneId
import kotlinx.coroutines.launch
import waymark.Waymark
import waymark.WaymarkConfig
import waymark.android.KeystoreKey
import waymark.android.SyncWorker
import waymark.onDisk

/** The sample's one screen. */
class MainActivity : ComponentActivity() {
    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        val config = WaymarkConfig(
            directory = File(noBackupFilesDir, "waymark").path,
            relay = getString(R.string.relay),
            timeZone = ZoneId.systemDefault().id,
        )
        val waymark = Waymark.open(config, KeystoreKey(this))
        lifecycleScope.launch {
            val plan = waymark.onDisk {
                people().plans().firstOrNull() ?: people().run {
                    begin("Me", android.os.Build.MODEL)
                    createPlan()
                }
            }
            val today = Today(waymark, plan, lifecycleScope)
            setContent { MaterialTheme { TodayScreen(today) } }
            // Connected while the screen is in front; WorkManager goes on behind it.
            repeatOnLifecycle(Lifecycle.State.STARTED) { today.start().join() }
        }
        SyncWorker.schedule(this)
    }
}

@Composable
fun TodayScreen(today: Today) {
    val state by today.state.collectAsState()
    val scope = rememberCoroutineScope()
    var text by remember { mutableStateOf("") }
    Column(Modifier.padding(16.dp), verticalArrangement = Arrangement.spacedBy(12.dp)) {
        Text(
            when (state.sync) {
                SyncState.UNKNOWN -> "Not synced yet"
                SyncState.UP_TO_DATE -> "Up to date"
                SyncState.TO_SEND -> "Waiting to be sent"
                SyncState.OFFLINE -> "Offline. Everything is kept"
            },
        )
        state.problem?.let { problem ->
            TextButton(onClick = today::dismiss) { Text("That did not work ($problem)") }
        }
        state.link?.let { link -> Text(link, Modifier.clickable(onClick = today::dismiss)) }
        LazyColumn(verticalArrangement = Arrangement.spacedBy(8.dp)) {
            items(state.rows, key = { it.goal }) { row ->
                Row(Modifier.fillMaxWidth(), horizontalArrangement = Arrangement.SpaceBetween) {
                    Column {
                        Text(row.statement)
                        Text("${row.streak} in a row", style = MaterialTheme.typography.bodySmall)
                    }
                    Button(
                        enabled = !row.doneToday,
                        onClick = { scope.launch { today.checkIn(row.goal) } },
                    ) { Text(if (row.doneToday) "Done" else "Check in") }
                }
            }
        }
        OutlinedTextField(text, { text = it }, Modifier.fillMaxWidth(), label = { Text("A new goal") })
        Row(horizontalArrangement = Arrangement.spacedBy(8.dp)) {
            Button(onClick = {
                scope.launch {
                    today.add(text)
                    text = ""
                }
            }) { Text("Add") }
            TextButton(onClick = { scope.launch { today.share() } }) { Text("Share with my therapist") }
        }
    }
}
