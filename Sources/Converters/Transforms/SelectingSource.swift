package import QAMFormat

/// Selects, renames and reorders the tensors of another source, adds small generated ones, and replaces metadata and files.
package struct SelectingSource: WrappingSource {
    package struct Item: Sendable {
        package enum Payload: Sendable {
            /// The payload of the base's tensor at this index; for an alias, its target's.
            case base(Int)
            /// The bytes of a raw tensor.
            case made([UInt8])
        }

        package var descriptor: TensorDescriptor
        /// Unused if the descriptor is an alias (of another item).
        package var payload: Payload

        package init(_ descriptor: TensorDescriptor, _ payload: Payload) {
            self.descriptor = descriptor
            self.payload = payload
        }
    }

    package let metadata: Metadata
    package let files: [any EmbeddedFile]
    package let tensors: [TensorDescriptor]
    package let fingerprint: String
    package let base: any TensorSource
    private let payloads: [Item.Payload]
    private let ownWarnings: [String]

    /// The base's raw and coded tensors must keep shape and storage; only names may differ. O(items).
    package init(
        _ base: any TensorSource, items: [Item], metadata: Metadata, files: [any EmbeddedFile], warnings: [String] = []
    ) {
        self.base = base
        self.metadata = metadata
        self.files = files
        ownWarnings = warnings
        tensors = items.map(\.descriptor)
        payloads = items.map { item in
            guard case .base(let tensor) = item.payload, case .alias(let target) = base.tensors[tensor].storage else { return item.payload }
            return .base(target)
        }
        var identity = metadata.encoded
        for item in items {
            identity += Array("\(item.descriptor.name) \(item.descriptor.storage)\n".utf8)
            switch item.payload {
            case .base(let tensor): identity += Array("\(tensor)".utf8)
            case .made(let bytes): identity += bytes
            }
        }
        fingerprint = "\(base.fingerprint) select \(XXH3.hash(identity))"
    }

    package var warnings: [String] { base.warnings + ownWarnings }

    package func origin(of tensor: Int) -> Int? {
        if case .base(let index) = payloads[tensor] { index } else { nil }
    }

    package func granule(of tensor: Int) -> Int { origin(of: tensor).map { base.granule(of: $0) } ?? 1 }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        switch payloads[tensor] {
        case .base(let index): return try base.read(units, of: index)
        case .made(let bytes):
            guard units.lowerBound >= 0, units.upperBound <= bytes.count else {
                throw QAMError(.invalidArgument, "the tensor has \(bytes.count) bytes, not \(units)", at: .init(tensor: tensors[tensor].name))
            }
            return TensorChunk(streams: [Array(bytes[units])])
        }
    }
}
