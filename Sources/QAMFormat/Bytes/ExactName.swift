/// A name that equals another only if their bytes are equal. `String` also equates what Unicode calls canonically
/// equivalent, which formats keep apart.
package struct ExactName: Hashable, Sendable {
    private let bytes: [UInt8]

    package init(_ name: String) { bytes = Array(name.utf8) }
}
