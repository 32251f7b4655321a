// The AAR. `ffi/kotlin/build-aar` makes what it packs: the sources under build/generated and a library
// for each ABI under build/jniLibs.

plugins {
    id("com.android.library")
    id("org.jetbrains.kotlin.android")
    id("maven-publish")
}

android {
    namespace = "waymark.android"
    compileSdk = 36

    defaultConfig {
        // The drop box's cipher, and relative relocations of the library, begin with Android 9.
        minSdk = 28
        consumerProguardFiles("consumer-rules.pro")
        ndk { abiFilters += listOf("arm64-v8a", "armeabi-v7a", "x86_64") }
    }

    sourceSets["main"].apply {
        manifest.srcFile("src/android/AndroidManifest.xml")
        kotlin.srcDirs("src/main/kotlin", "src/android/kotlin", "build/generated/kotlin")
        res.srcDir("src/android/res")
        jniLibs.srcDir("build/jniLibs")
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }

    publishing { singleVariant("release") { withSourcesJar() } }
}

kotlin {
    compilerOptions { allWarningsAsErrors = true }
}

dependencies {
    // 5.17 and newer are aligned to pages of 16 KB.
    api("net.java.dev.jna:jna:5.18.1@aar")
    api("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.11.0")
    compileOnly("androidx.work:work-runtime-ktx:2.10.5")
}

publishing {
    publications {
        register<MavenPublication>("release") {
            groupId = "waymark"
            artifactId = "waymark"
            version = providers.gradleProperty("waymark.version").get()
            afterEvaluate { from(components["release"]) }
        }
    }
}
