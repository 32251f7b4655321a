// What the guide tells app developers to write does what it says.

val GUIDE = mapOf<String, suspend Devices.() -> Unit>(
    "the guide's blocks lead from an empty directory to a synced check-in and beyond" to {
        guide(directory("phone").path, directory("box").path, relay, Key(), Key())
    },
)
