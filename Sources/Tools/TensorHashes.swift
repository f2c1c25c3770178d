internal import Converters
internal import QAMFormat

/// Hashes of a model's tensors, the same whatever file they are stored in.
///
/// A raw tensor is hashed as the line `DTYPE [DIMENSION,...]` and a line feed, then its elements: row-major, little-endian, without padding, as in
/// safetensors. An alias has its target's hash. A quantized tensor is hashed as lines that state its codec and the hashes of its parts.
/// The name is not hashed: a manifest's line has it.
struct TensorHashes: Sendable {
    let source: any TensorSource

    private static let pieceSize = 4 << 20

    /// The hashes of tensors by their indices, in order, computed by up to `threads` tasks. `consume` gets each with its position in `tensors`; `monitor` the
    /// bytes done, the total and the tensor's name.
    func hash(
        _ tensors: [(index: Int, algorithm: HashAlgorithm)], threads: Int, monitor: (Int, Int, String) throws -> Void,
        consume: (Int, Result<String, QAMError>) throws -> Void
    ) async throws {
        let total = tensors.reduce(0) { $0 + source.tensors[target($1.index)].byteCount }
        var done = 0
        try await orderedMap(0..<tensors.count, width: threads) { position in
            do {
                return Result<String, QAMError>.success(try hash(tensors[position].index, tensors[position].algorithm))
            } catch let error as QAMError where error.code != .interrupted {
                return .failure(error)
            }
        } consume: { position, result in
            let index = tensors[position].index
            try monitor(done, total, source.tensors[index].name)
            done += source.tensors[target(index)].byteCount
            try consume(position, result)
        }
    }

    private func target(_ tensor: Int) -> Int {
        if case .alias(let target) = source.tensors[tensor].storage { target } else { tensor }
    }

    private func hash(_ tensor: Int, _ algorithm: HashAlgorithm) throws -> String {
        let index = target(tensor), descriptor = source.tensors[index]
        let shape = "[\(descriptor.shape.map(String.init).joined(separator: ","))]"
        try descriptor.requireReadable()
        guard case .coded(let coding) = descriptor.storage else {
            guard case .raw(let dtype) = descriptor.storage else { throw QAMError(.malformed, "an alias of an alias", at: .init(tensor: descriptor.name)) }
            return try algorithm.hash { update in
                update(Array("\(dtype.name) \(shape)\n".utf8))
                try forEachPiece(of: index) { update(try bytes(of: 0, in: $0, of: index)) }
            }
        }
        var text = "coded \(coding.codec.rawValue) \(coding.sourceType?.name ?? "-") \(shape)\nparameters \(Format.hexadecimal(coding.parameters))\n"
        if let seed = coding.seed { text += "seed \(source.shared.seeds[seed])\n" }
        if let codebook = coding.codebook {
            text += "codebook \(try algorithm.hash { $0(source.shared.codebooks[codebook].bytes) })\n"
        }
        for (stream, part) in zip(coding.streams, try parts(of: index, coding, algorithm)) { text += "\(stream.role.name) \(part)\n" }
        return try algorithm.hash { $0(Array(text.utf8)) }
    }

    /// The hashes of a coded tensor's streams, all of which a read gives at once.
    private func parts(of tensor: Int, _ coding: Coding, _ algorithm: HashAlgorithm) throws -> [String] {
        let hashers = try coding.streams.map { _ in try algorithm.hasher() }
        if coding.streams.contains(where: { if case .perRows = $0.extent { true } else { false } }) {
            try forEachPiece(of: tensor) { chunk in
                for (number, stream) in coding.streams.enumerated() {
                    guard case .perRows = stream.extent else { continue }
                    hashers[number].update(try bytes(of: number, in: chunk, of: tensor))
                }
            }
        }
        for (number, stream) in coding.streams.enumerated() {
            if case .whole = stream.extent { hashers[number].update(try source.readWhole(stream: number, of: tensor)) }
        }
        return hashers.map { $0.digest() }
    }

    private func bytes(of stream: Int, in chunk: TensorChunk, of tensor: Int) throws -> [UInt8] {
        guard chunk.streams.indices.contains(stream) else {
            throw QAMError(.truncated, "a part of it is not there", at: .init(tensor: source.tensors[tensor].name))
        }
        return chunk.streams[stream]
    }

    /// A tensor, a few MiB at a time.
    private func forEachPiece(of tensor: Int, _ body: (TensorChunk) throws -> Void) throws {
        let descriptor = source.tensors[tensor], granule = max(1, source.granule(of: tensor))
        let unitBytes = max(1, descriptor.byteCount / max(1, descriptor.unitCount))
        let step = max(1, Self.pieceSize / unitBytes / granule) * granule
        for start in stride(from: 0, to: descriptor.unitCount, by: step) {
            try Interruption.check()
            try body(try source.read(start..<min(start + step, descriptor.unitCount), of: tensor))
        }
    }
}
