package import QAMFormat

/// The difference between two tensors of the same shape.
package struct Difference: Hashable, Sendable {
    /// Sums over all elements: squared difference, both squares, and product.
    private var error = 0.0
    private var reference = 0.0
    private var other = 0.0
    private var product = 0.0
    /// The largest absolute difference; infinite if only one of the two is finite or they are different infinities.
    package private(set) var maxAbs = 0.0

    package init() {}

    /// Squared error divided by the reference's squared norm; infinite if only the latter is zero.
    package var nmse: Double { error == 0 ? 0 : error / reference }

    /// 1 for equal directions, also for two zero tensors; 0 if one is zero.
    package var cosine: Double {
        if error == 0 { return 1 }
        let norms = (reference * other).squareRoot()
        return norms > 0 ? product / norms : 0
    }

    /// Adds a pair of elements. Two NaNs are equal, as are two infinities of the same sign.
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

/// Compares two models tensor by tensor.
package struct Comparison: Sendable {
    package struct Tensor: Sendable {
        package var name: String
        package var shape: [Int]
        /// The difference, or why the tensors cannot be compared.
        package var result: Result<Difference, QAMError>
    }

    /// Tensors in both models, in the order of the reference.
    package private(set) var tensors: [Tensor] = []
    /// The difference over all comparable tensors.
    package private(set) var total = Difference()
    /// Names only in the reference, and names only in the other model.
    package let missing: [String]
    package let extra: [String]

    /// Reads both models once, in pieces of about a million elements in up to `threads` tasks, whose number does not affect the result.
    /// Coded tensors are decoded, integers compared as numbers. `monitor` receives the bytes done and the total, of both models, and the
    /// tensor's name; if it throws, the comparison stops.
    package init(
        of reference: any TensorSource, with other: any TensorSource, threads: Int,
        monitor: (Int, Int, String) throws -> Void = { _, _, _ in }
    ) async throws {
        let indices = Dictionary(uniqueKeysWithValues: other.tensors.enumerated().map { (ExactName($1.name), $0) })
        let names = Set(reference.tensors.map { ExactName($0.name) })
        missing = reference.tensors.map(\.name).filter { indices[ExactName($0)] == nil }
        extra = other.tensors.map(\.name).filter { !names.contains(ExactName($0)) }

        var pairs: [(pair: TensorPair, tensor: Int)] = []
        var pieces = PieceNumbering()
        for (index, tensor) in reference.tensors.enumerated() {
            guard let match = indices[ExactName(tensor.name)] else { continue }
            tensors.append(Tensor(name: tensor.name, shape: tensor.shape, result: .success(Difference())))
            do {
                let pair = try TensorPair(ElementReader(reference, tensor: index), ElementReader(other, tensor: match))
                guard pair.elementCount > 0 else { continue }
                pairs.append((pair, tensors.count - 1))
                pieces.append(pieces: pair.pieceCount)
            } catch let error as QAMError {
                tensors[tensors.count - 1].result = .failure(error)
            }
        }

        let work = Work(pairs: pairs.map(\.pair), pieces: pieces)
        let byteTotal = work.pairs.reduce(0) { $0 + $1.bytes(0..<$1.elementCount) }
        var done = 0
        var sums = [Difference](repeating: Difference(), count: tensors.count)
        try await orderedMap(0..<pieces.count, width: threads) { index in
            let (pair, elements) = work[index]
            return try work.pairs[pair].difference(elements)
        } consume: { index, difference in
            let (pair, elements) = work[index], tensor = pairs[pair].tensor
            try monitor(done, byteTotal, tensors[tensor].name)
            sums[tensor] += difference
            done += work.pairs[pair].bytes(elements)
        }
        for index in tensors.indices {
            guard case .success = tensors[index].result else { continue }
            tensors[index].result = .success(sums[index])
            total += sums[index]
        }
    }

    /// All pieces of all pairs, computed on demand.
    private struct Work: Sendable {
        let pairs: [TensorPair]
        let pieces: PieceNumbering

        subscript(index: Int) -> (pair: Int, elements: Range<Int>) {
            let (pair, piece, _) = pieces[index]
            return (pair, pairs[pair].elements(ofPiece: piece))
        }
    }
}

/// The same tensor of two models.
private struct TensorPair: Sendable {
    private static let target = 1 << 20

    private let reference: ElementReader
    private let other: ElementReader
    /// Elements per piece.
    private let step: Int

    /// Throws `malformed` if the shapes differ, `unsupported` if only one has complex numbers.
    init(_ reference: ElementReader, _ other: ElementReader) throws {
        guard reference.shape == other.shape else {
            throw QAMError(.malformed, "the shapes differ: \(reference.shape) and \(other.shape)", at: .init(tensor: reference.name))
        }
        guard reference.valuesOfElement == other.valuesOfElement else {
            throw QAMError(
                .unsupported, "\(reference.typeName) and \(other.typeName) cannot be compared: only one has complex numbers",
                at: .init(tensor: reference.name))
        }
        self.reference = reference
        self.other = other
        // Whole rows, or less if both tensors permit it.
        let granule = reference.granule / greatestCommonDivisor(reference.granule, other.granule) * other.granule
        step = max(1, Self.target / granule) * granule
    }

    var elementCount: Int { reference.elementCount }
    var pieceCount: Int { elementCount / step + (elementCount % step == 0 ? 0 : 1) }

    func elements(ofPiece piece: Int) -> Range<Int> { piece * step..<min((piece + 1) * step, elementCount) }

    /// The approximate stored bytes of these elements in both models.
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
