#if canImport(Security)
    import Foundation
    import Security

    /// The storage key in the Keychain: 32 random bytes that never leave the device
    /// (`AfterFirstUnlockThisDeviceOnly`), so that the app can sync in the background of a phone that was
    /// unlocked once since it started. A phone that came back from a backup therefore has another key,
    /// and opening says `keyLost`: offer recovery (docs/apps.md).
    public final class KeychainKey: KeyProvider {
        private let service: String
        private let group: String?

        /// `group` is a keychain group, where an extension is to read the key too.
        public init(service: String = "waymark", group: String? = nil) {
            self.service = service
            self.group = group
        }

        public func storageKey() throws -> Data {
            var asked = query
            asked[kSecReturnData as String] = true
            var found: CFTypeRef?
            switch SecItemCopyMatching(asked as CFDictionary, &found) {
            case errSecSuccess:
                guard let key = found as? Data else {
                    throw KeyProviderError.Gone(reason: "the keychain has no bytes")
                }
                return key
            case errSecItemNotFound:
                return try make()
            case let status:
                throw unavailable(status)
            }
        }

        private func make() throws -> Data {
            var key = Data(count: 32)
            let drawn = key.withUnsafeMutableBytes { bytes in
                bytes.baseAddress.map { SecRandomCopyBytes(kSecRandomDefault, 32, $0) }
            }
            guard drawn == errSecSuccess else { throw unavailable(drawn ?? errSecParam) }
            var added = query
            added[kSecValueData as String] = key
            added[kSecAttrAccessible as String] = kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly
            switch SecItemAdd(added as CFDictionary, nil) {
            case errSecSuccess: return key
            // Somebody else was faster: theirs is the key.
            case errSecDuplicateItem: return try storageKey()
            case let status: throw unavailable(status)
            }
        }

        private var query: [String: Any] {
            var query: [String: Any] = [
                kSecClass as String: kSecClassGenericPassword,
                kSecAttrService as String: service,
                kSecAttrAccount as String: "storage key",
                kSecAttrSynchronizable as String: false,
                kSecUseDataProtectionKeychain as String: true,
            ]
            query[kSecAttrAccessGroup as String] = group
            return query
        }

        private func unavailable(_ status: OSStatus) -> KeyProviderError {
            KeyProviderError.Unavailable(reason: "the keychain says \(status)")
        }
    }
#endif
