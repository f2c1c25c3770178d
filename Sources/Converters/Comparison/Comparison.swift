public import QAMFormat

/// How far two tensors of one shape are apart.
public struct Difference: Hashable, Sendable {
    /// Sums over all elements: of the squared difference, of both squares and of the product.
    private var error = 0.0
    private var reference = 0.0
    private var other = 0.0
    private var product = 0.0
    /// The largest absolute difference; infinite where only one of the two is finite or they are different infinities.
    public private(set) var maxAbs = 0.0

    public init() {}

    /// Squared error by the reference's squared norm; infinite where only that is zero.
    public var nmse: Double { error == 0 ? 0 : error / reference }

    /// 1 for equal directions, also for two zero tensors; 0 where one is zero.
    public var cosine: Double {
        if error == 0 { return 1 }
        let norms = (reference * other).squareRoot()
        return norms > 0 ? product / norms : 0
    }

    /// Adds a pair of elements. Two NaNs count as equal, as do two infinities of one sign.
    mutating func add(_ a: Double, _ b: Double) {
        guard a.isFinite, b.isFinite else {
            if a == b || a.isNaN && b.isNaN { return }
            error = .infinity
            maxAbs = .infinity
            return
        }
        let difference = a - b
        error += difference * difference
        reference += a * a
        other += b * b
        product += a * b
        maxAbs = max(maxAbs, abs(difference))
    }

    static func += (left: inout Difference, right: Difference) {
        left.error += right.error
        left.reference += right.reference
        left.other += right.other
        left.product += right.product
        left.maxAbs = max(left.maxAbs, right.maxAbs)
    }
}

/// Two models side by side, tensor by tensor.
public struct Comparison: Sendable {
    public struct Tensor: Sendable {
        public var name: String
        public var shape: [Int]
        /// What the tensors differ by, or why they cannot be compared.
        public var result: Result<Difference, QAMError>
    }

    /// Tensors that both models have, in the order of the reference.
    public private(set) var tensors: [Tensor] = []
    /// Over all tensors that could be compared.
    public private(set) var total = Difference()
    /// Names that only the reference has, and names that only the other model has.
    public let missing: [String]
    public let extra: [String]

    /// Reads both models once, in pieces of about a million elements on up to `threads` tasks; the result does not depend on
    /// their number. Coded tensors are decoded, integers compared as numbers. `monitor` is told the bytes done and to do, of
    /// both models, and the tensor's name; what it throws ends the work.
    public init(
        of reference: any TensorSource, with other: any TensorSource, threads: Int,
        monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws {
        let indices = Dictionary(uniqueKeysWithValues: other.tensors.enumerated().map { (ExactName($1.name), $0) })
        let names = Set(reference.tensors.map { ExactName($0.name) })
        missing = reference.tensors.map(\.name).filter { indices[ExactName($0)] == nil }
        extra = other.tensors.map(\.name).filter { !names.contains(ExactName($0)) }

        var pieces: [Piece] = []
        for (index, tensor) in reference.tensors.enumerated() {
            guard let match = indices[ExactName(tensor.name)] else { continue }
            tensors.append(Tensor(name: tensor.name, shape: tensor.shape, result: .success(Difference())))
            do {
                let pair = try TensorPair(ElementReader(reference, tensor: index), ElementReader(other, tensor: match))
                pieces += pair.ranges.map { Piece(pair: pair, elements: $0, tensor: tensors.count - 1, bytes: pair.bytes($0)) }
            } catch let error as QAMError {
                tensors[tensors.count - 1].result = .failure(error)
            }
        }

        let work = pieces
        let byteTotal = work.reduce(0) { $0 + $1.bytes }
        var done = 0
        var sums = [Difference](repeating: Difference(), count: tensors.count)
        try await orderedMap(0..<work.count, width: threads) { index in
            try work[index].pair.difference(work[index].elements)
        } consume: { index, difference in
            let piece = work[index]
            try monitor(done, byteTotal, tensors[piece.tensor].name)
            sums[piece.tensor] += difference
            done += piece.bytes
        }
        for index in tensors.indices {
            guard case .success = tensors[index].result else { continue }
            tensors[index].result = .success(sums[index])
            total += sums[index]
        }
    }

    private struct Piece: Sendable {
        var pair: TensorPair
        var elements: Range<Int>
        var tensor: Int
        var bytes: Int
    }
}

/// The same tensor of two models.
private struct TensorPair: Sendable {
    private static let target = 1 << 20

    private let reference: ElementReader
    private let other: ElementReader

    /// Throws `malformed` where the shapes differ.
    init(_ reference: ElementReader, _ other: ElementReader) throws {
        guard reference.shape == other.shape else {
            throw QAMError(.malformed, "the shapes differ: \(reference.shape) and \(other.shape)", at: .init(tensor: reference.name))
        }
        self.reference = reference
        self.other = other
    }

    /// All elements in ranges of whole rows, or of less than a row where both tensors can be read so.
    var ranges: [Range<Int>] {
        let count = reference.elementCount
        let granule = reference.granule / greatestCommonDivisor(reference.granule, other.granule) * other.granule
        let step = max(1, Self.target / granule) * granule
        return stride(from: 0, to: count, by: step).map { $0..<min($0 + step, count) }
    }

    /// About the stored bytes of these elements in both models.
    func bytes(_ elements: Range<Int>) -> Int {
        Int(Double(reference.byteCount + other.byteCount) * Double(elements.count) / Double(reference.elementCount))
    }

    func difference(_ elements: Range<Int>) throws -> Difference {
        let a = try reference.read(elements)
        let b = try other.read(elements)
        var difference = Difference()
        for index in a.indices { difference.add(a[index], b[index]) }
        return difference
    }
}
