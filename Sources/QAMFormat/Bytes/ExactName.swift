/// A name compared by bytes. `String` also equates canonically equivalent names, which formats distinguish.
package struct ExactName: Hashable, Sendable {
    private let name: String

    package init(_ name: String) { self.name = name }

    package static func == (left: ExactName, right: ExactName) -> Bool {
        // Names that differ as strings differ in bytes; comparing strings first is fast.
        left.name == right.name && left.name.utf8.elementsEqual(right.name.utf8)
    }

    package func hash(into hasher: inout Hasher) {
        var name = name
        name.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
