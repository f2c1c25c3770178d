/// A name that equals another only if their bytes are equal. `String` also equates what Unicode calls canonically
/// equivalent, which formats keep apart.
package struct ExactName: Hashable, Sendable {
    private let name: String

    package init(_ name: String) { self.name = name }

    package static func == (left: ExactName, right: ExactName) -> Bool {
        // What differs as strings differs in bytes, and that is found out fast.
        left.name == right.name && left.name.utf8.elementsEqual(right.name.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var name = name
        name.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
