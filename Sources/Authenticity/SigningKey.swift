internal import Crypto
internal import QAMFormat

/// An Ed25519 key pair's private half, as OpenSSL stores it: PKCS #8 in PEM (RFC 8410).
package struct SigningKey: Sendable {
    private let key: Curve25519.Signing.PrivateKey

    /// Throws `malformed` for a file that is none, `unsupported` for another kind of key or an encrypted one. No error has a part of the key.
    package init(path: String) throws {
        let prefix: [UInt8] = [0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20]
        let bytes = try PEM.key(in: path, label: "PRIVATE KEY", prefix: prefix)
        do { key = try Curve25519.Signing.PrivateKey(rawRepresentation: bytes) } catch { throw PEM.unsound(path) }
    }

    /// The signature of a root.
    package func sign(root: [UInt8]) throws -> Signature {
        do { return Signature(root: root, bytes: Array(try key.signature(for: Signature.message(root)))) } catch {
            throw QAMError(.io, "the system gives no random numbers to sign with")
        }
    }
}

/// The public half: SubjectPublicKeyInfo in PEM.
package struct VerifyingKey: Sendable {
    private let key: Curve25519.Signing.PublicKey

    /// Throws as `SigningKey`.
    package init(path: String) throws {
        let bytes = try PEM.key(in: path, label: "PUBLIC KEY", prefix: [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00])
        do { key = try Curve25519.Signing.PublicKey(rawRepresentation: bytes) } catch { throw PEM.unsound(path) }
    }

    /// Whether the signature is by this key, and of the root that it names.
    package func accepts(_ signature: Signature) -> Bool { key.isValidSignature(signature.bytes, for: Signature.message(signature.root)) }
}

/// A key in PEM.
private enum PEM {
    private static let maximumLength = 1 << 16

    /// The 32 bytes of the Ed25519 key in a file whose DER begins with `prefix`.
    static func key(in path: String, label: String, prefix: [UInt8]) throws -> [UInt8] {
        let file = try FileBytes(path: path)
        guard file.byteCount <= maximumLength else { throw QAMError(.malformed, "too long for a key in PEM", at: .init(file: path)) }
        let lines = String(decoding: try file.read(0..<file.byteCount), as: UTF8.self).split(whereSeparator: \.isNewline)
        guard let begin = lines.firstIndex(of: "-----BEGIN \(label)-----"),
            let end = lines[begin...].firstIndex(of: "-----END \(label)-----")
        else {
            if let other = lines.first(where: { $0.hasPrefix("-----BEGIN ") && $0.hasSuffix("-----") }) {
                let advice = other.contains("ENCRYPTED") ? "; remove its password with openssl pkey" : ""
                throw QAMError(
                    .unsupported, "it holds a \(other.dropFirst(11).dropLast(5).lowercased()), not a \(label.lowercased())\(advice)", at: .init(file: path))
            }
            throw QAMError(.malformed, "not a \(label.lowercased()) in PEM: openssl genpkey -algorithm ed25519 makes one", at: .init(file: path))
        }
        guard let der = base64(lines[begin + 1..<end].joined()) else { throw unsound(path) }
        guard der.starts(with: prefix), der.count == prefix.count + 32 else {
            throw QAMError(.unsupported, "not an Ed25519 key: openssl genpkey -algorithm ed25519 makes one", at: .init(file: path))
        }
        return Array(der[prefix.count...])
    }

    static func unsound(_ path: String) -> QAMError { QAMError(.malformed, "the key is damaged", at: .init(file: path)) }

    private static func base64(_ text: String) -> [UInt8]? {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let letters = Array(text.utf8), body = letters.prefix { $0 != UInt8(ascii: "=") }
        guard letters.count % 4 == 0, letters.count - body.count <= 2, letters[body.count...].allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
        var bytes: [UInt8] = [], bits = 0, value = 0
        for letter in body {
            guard let digit = digits.firstIndex(of: letter) else { return nil }
            (value, bits) = (value << 6 | digit, bits + 6)
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(value >> bits & 0xFF))
                value &= 1 << bits - 1
            }
        }
        return value == 0 ? bytes : nil
    }
}
