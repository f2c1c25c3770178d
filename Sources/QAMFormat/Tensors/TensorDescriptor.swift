/// A tensor without its payload: name, shape and storage.
public struct TensorDescriptor: Hashable, Sendable {
    /// The name, unique in the model.
    public var name: String
    /// Row-major: the last dimension is contiguous. Empty for a scalar.
    public var shape: [Int]
    /// How the elements are stored.
    public var storage: Storage

    /// The ways of storing elements.
    public enum Storage: Hashable, Sendable {
        /// Plain elements, row-major, little-endian.
        case raw(DType)
        /// Rows coded by a codec of the registry.
        case coded(Coding)
        /// Another name for the tensor at this index of the same list, which is not an alias.
        case alias(of: Int)
        /// Stored in an unknown way, named by the text. It can be listed and verified, but not read.
        case unreadable(String)
    }

    public init(name: String, shape: [Int], storage: Storage) {
        self.name = name
        self.shape = shape
        self.storage = storage
    }

    /// The number of elements. Sources refuse shapes whose product overflows.
    public var elementCount: Int { shape.reduce(1, &*) }
    /// The length of a row: the last dimension, 1 for a scalar.
    public var columns: Int { shape.last ?? 1 }
    /// The number of rows: the product of all dimensions but the last.
    public var rows: Int { shape.dropLast().reduce(1, &*) }

    /// The product of the dimensions, or nil if one is negative or the product overflows.
    public static func checkedElementCount(_ shape: [Int]) -> Int? {
        // A zero makes the product zero, but the other dimensions must not overflow either.
        var product = 1
        var hasZero = false
        for dimension in shape {
            guard dimension >= 0 else { return nil }
            if dimension == 0 { hasZero = true; continue }
            let (next, overflow) = product.multipliedReportingOverflow(by: dimension)
            guard !overflow else { return nil }
            product = next
        }
        return hasZero ? 0 : product
    }

    /// The stored bytes before zstd compression: of a raw tensor its elements, of a coded one its streams, of an alias zero.
    public var byteCount: Int {
        switch storage {
        case .raw(let dtype): dtype.byteCount(elements: elementCount) ?? 0
        case .coded(let coding): coding.streams.reduce(0) { $0 + $1.byteCount(rows: rows) }
        case .alias, .unreadable: 0
        }
    }

    /// The number of units that `TensorSource.read` counts: bytes of a raw tensor, rows of a coded one, zero for an alias.
    public var unitCount: Int {
        switch storage {
        case .raw: byteCount
        case .coded: rows
        case .alias, .unreadable: 0
        }
    }

    /// Throws `unsupported` for an unreadable tensor.
    public func requireReadable() throws {
        if case .unreadable(let reason) = storage { throw Self.unreadable(reason, name) }
    }

    package static func unreadable(_ reason: String, _ name: String) -> QAMError {
        QAMError(.unsupported, "it cannot be read: this program does not know its \(reason); a later version may", at: .init(tensor: name))
    }
}
