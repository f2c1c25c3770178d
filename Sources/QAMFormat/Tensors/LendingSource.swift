/// A source whose payloads lie somewhere as they are: it lends them, and everything that copies follows from that.
public protocol LendingSource: TensorSource {
    /// Lends a range of a stream's bytes, decompressed, to `body`, without a copy where it lies in memory already. The only stream of a raw tensor is
    /// stream 0. The span ends with the call.
    ///
    /// Throws `invalidArgument` for a range or a stream that the tensor does not have, what reading throws, and what `body` throws.
    func withBytes<Result>(_ range: Range<Int>, ofStream stream: Int, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result
}

extension LendingSource {
    public func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk { try lent(units, of: tensor) }

    public func readWhole(stream: Int, of tensor: Int) throws -> [UInt8] { try lentWhole(stream: stream, of: tensor) }

    /// A copy of what `withBytes` lends: the default of `read`.
    package func lent(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        let descriptor = tensors[tensor]
        switch descriptor.storage {
        case .raw: return TensorChunk(streams: [try copy(units, 0, tensor)])
        case .coded(let coding):
            return TensorChunk(
                streams: try coding.streams.enumerated().map { number, stream in
                    guard let bytes = stream.bytes(of: units) else { return [] }
                    return try copy(bytes, number, tensor)
                })
        case .alias: throw QAMError(.invalidArgument, "an alias has no payload of its own", at: .init(tensor: descriptor.name))
        case .unreadable(let reason): throw TensorDescriptor.unreadable(reason, descriptor.name)
        }
    }

    public func withElements<Result>(_ units: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Result) throws -> Result {
        try withBytes(units, ofStream: 0, of: tensor, body)
    }

    /// The same of a stream of the whole tensor.
    package func lentWhole(stream: Int, of tensor: Int) throws -> [UInt8] {
        guard case .coded(let coding) = tensors[tensor].storage, coding.streams.indices.contains(stream), case .whole(let count) = coding.streams[stream].extent
        else {
            throw QAMError(.invalidArgument, "stream \(stream) is not a stream of the whole tensor", at: .init(tensor: tensors[tensor].name))
        }
        return try copy(0..<count, stream, tensor)
    }

    private func copy(_ range: Range<Int>, _ stream: Int, _ tensor: Int) throws -> [UInt8] {
        try withBytes(range, ofStream: stream, of: tensor) { bytes in unsafe bytes.withUnsafeBytes { unsafe Array($0) } }
    }
}

extension Range<Int> {
    /// The bytes of a tensor's payload that this range asks for, where the payload lies at `place`. Throws `invalidArgument` for a range that is not
    /// in it.
    package func placed(in place: Range<Int>, of tensor: TensorDescriptor) throws -> Range<Int> {
        guard lowerBound >= 0, upperBound <= place.count else {
            throw QAMError(.invalidArgument, "the tensor has \(place.count) bytes, not \(self)", at: .init(tensor: tensor.name))
        }
        return place.lowerBound + lowerBound..<place.lowerBound + upperBound
    }
}
