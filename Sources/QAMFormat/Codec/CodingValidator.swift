/// Checks the coded tensors of one model. Shared codebooks are parsed once, so checking a directory of many tensors costs little more than its length.
package struct CodingValidator {
    private var tables: CodingTables
    /// The last coding that passed: most tensors of a model have the same.
    private var last: (coding: Coding, columns: Int)?

    package init(shared: SharedTables) { tables = CodingTables(shared) }

    /// See `CodecRegistry.validate`.
    package mutating func validate(_ descriptor: TensorDescriptor) throws {
        guard case .coded(let coding) = descriptor.storage else { return }
        if let last, last.columns == descriptor.columns, last.coding == coding, descriptor.shape.count >= 2, descriptor.elementCount > 0 { return }
        _ = try CodecRegistry.codec(of: descriptor, tables: &tables)
        last = (coding, descriptor.columns)
    }

    /// As `validate`, but returns a warning if only the codec or a part of it is unknown: all other tensors remain readable.
    package mutating func warning(_ descriptor: TensorDescriptor) throws -> String? {
        guard try !isDecodable(descriptor), case .coded(let coding) = descriptor.storage else { return nil }
        return "tensor \"\(descriptor.name)\" \(Self.reason(coding.codec))"
    }

    /// As `validate`, but returns false if only the codec or a part of it is unknown.
    package mutating func isDecodable(_ descriptor: TensorDescriptor) throws -> Bool {
        do {
            try validate(descriptor)
            return true
        } catch let error as QAMError where error.code == .unsupported {
            return false
        }
    }

    /// The text of a warning about a tensor whose codec is unknown.
    package static func reason(_ codec: CodecID) -> String { "is coded by codec \(codec.rawValue), which this program cannot decode" }
}
