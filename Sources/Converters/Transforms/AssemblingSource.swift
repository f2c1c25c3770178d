package import QAMFormat

/// Adds tensors that are put together from elements of the base's raw tensors: stacks of them, parts, and other orders of axes.
///
/// The base's tensors keep their indexes; the assembled ones follow. Reading a range of one reads what it needs of the base, in pieces of bounded size
/// (`StridedBox`).
package struct AssemblingSource: WrappingSource {
    /// A tensor, which consists of pieces, one after the other.
    package struct Assembly: Hashable, Sendable {
        package var descriptor: TensorDescriptor
        package var pieces: [Piece]

        package init(_ descriptor: TensorDescriptor, _ pieces: [Piece]) {
            self.descriptor = descriptor
            self.pieces = pieces
        }
    }

    /// Elements with the given numbers along axes. One axis may be divided into segments, which come from different places.
    package struct Piece: Hashable, Sendable {
        package var counts: [Int]
        /// The axis that the segments divide.
        package var axis: Int
        package var segments: [Segment]

        package init(_ counts: [Int], dividing axis: Int = 0, _ segments: [Segment]) {
            self.counts = counts
            self.axis = axis
            self.segments = segments
        }

        fileprivate var elementCount: Int { counts.reduce(1, *) }
    }

    package struct Segment: Hashable, Sendable {
        /// Of the base.
        package var tensor: Int
        /// The first element in it.
        package var start: Int
        /// Along the axis that is divided.
        package var count: Int
        /// In elements of that tensor, one for each axis.
        package var strides: [Int]

        package init(tensor: Int, start: Int, count: Int, strides: [Int]) {
            self.tensor = tensor
            self.start = start
            self.count = count
            self.strides = strides
        }
    }

    package let base: any TensorSource
    package let tensors: [TensorDescriptor]
    package let fingerprint: String
    /// Counted in units of storage: blocks of elements.
    private let assemblies: [Assembly]

    /// Throws `malformed`, with the tensor's name, for coded tensors, for those of other types, for elements beyond a tensor, and for block types whose
    /// blocks would be torn.
    package init(_ base: any TensorSource, _ assemblies: [Assembly]) throws {
        self.base = base
        tensors = base.tensors + assemblies.map(\.descriptor)
        self.assemblies = try assemblies.map { try Self.inUnits($0, of: base) }
        fingerprint = "\(base.fingerprint) assemble \(XXH3.hash(Array("\(assemblies.map(\.pieces))".utf8)))"
    }

    private static func inUnits(_ assembly: Assembly, of base: any TensorSource) throws -> Assembly {
        func fault(_ message: String) -> QAMError { QAMError(.malformed, message, at: .init(tensor: assembly.descriptor.name)) }
        guard case .raw(let dtype) = assembly.descriptor.storage else {
            throw fault("a quantized tensor cannot be taken apart or put together; convert the model to safetensors first, which decodes it")
        }
        let block = dtype.blockElements
        func units(_ elements: Int) throws -> Int {
            guard elements % block == 0 else { throw fault("rows of it are not whole \(dtype.name) blocks") }
            return elements / block
        }
        var result = assembly
        for number in assembly.pieces.indices {
            let piece = assembly.pieces[number], last = piece.counts.count - 1
            guard piece.segments.reduce(0, { $0 + $1.count }) == piece.counts[piece.axis] else { throw fault("its segments are not all of it") }
            result.pieces[number].counts[last] = try units(piece.counts[last])
            for (place, segment) in piece.segments.enumerated() {
                var counts = piece.counts
                counts[piece.axis] = segment.count
                let end = zip(counts, segment.strides).reduce(segment.start) { $0 + ($1.0 - 1) * $1.1 }
                guard base.tensors[segment.tensor].storage == assembly.descriptor.storage, counts.allSatisfy({ $0 > 0 }),
                    end < base.tensors[segment.tensor].elementCount
                else { throw fault("it cannot be put together from \(base.tensors[segment.tensor].name), which has another type or shape") }
                guard block > 1 else { continue }
                guard segment.strides[last] == 1 else { throw fault("\(dtype.name) blocks lie along another axis than the one that becomes its last") }
                var strides = try segment.strides.dropLast().map(units)
                strides.append(1)
                result.pieces[number].segments[place] = Segment(
                    tensor: segment.tensor, start: try units(segment.start), count: piece.axis == last ? try units(segment.count) : segment.count,
                    strides: strides)
            }
        }
        guard assembly.pieces.reduce(0, { $0 + $1.elementCount }) == assembly.descriptor.elementCount else { throw fault("its pieces are not all of it") }
        return result
    }

    package func origin(of tensor: Int) -> Int? { tensor < base.tensors.count ? tensor : nil }

    package func granule(of tensor: Int) -> Int {
        guard tensor >= base.tensors.count, case .raw(let dtype) = tensors[tensor].storage else { return base.granule(of: tensor) }
        return dtype.blockBytes
    }

    package func read(_ units: Range<Int>, of tensor: Int) throws -> TensorChunk {
        guard tensor >= base.tensors.count, case .raw(let dtype) = tensors[tensor].storage else { return try base.read(units, of: tensor) }
        let size = dtype.blockBytes
        let wanted = units.lowerBound / size..<units.upperBound / size
        var output = [UInt8](repeating: 0, count: units.count)
        var first = 0
        for piece in assemblies[tensor - base.tensors.count].pieces {
            let all = first..<first + piece.elementCount, range = wanted.clamped(to: all)
            if !range.isEmpty {
                let reader = PieceReader(piece: piece, elementBytes: size, source: base)
                try reader.read(range.lowerBound - first..<range.upperBound - first, to: range.lowerBound - wanted.lowerBound, &output)
            }
            first = all.upperBound
        }
        return TensorChunk(streams: [output])
    }
}

/// Reads a range of a piece: cuts it into boxes of whole axes, each of which lies in one tensor at strides.
private struct PieceReader {
    let piece: AssemblingSource.Piece
    let elementBytes: Int
    let source: any TensorSource
    /// The elements of one index of each axis.
    private let blocks: [Int]

    init(piece: AssemblingSource.Piece, elementBytes: Int, source: any TensorSource) {
        self.piece = piece
        self.elementBytes = elementBytes
        self.source = source
        var blocks: [Int] = []
        var block = 1
        for count in piece.counts.reversed() {
            blocks.append(block)
            block *= count
        }
        self.blocks = blocks.reversed()
    }

    func read(_ elements: Range<Int>, to target: Int, _ output: inout [UInt8]) throws {
        try read(elements, of: 0, at: [], to: target, &output)
    }

    /// Reads elements counted from the index 0 of an axis; `indexes` are those of the axes before it.
    private func read(_ elements: Range<Int>, of axis: Int, at indexes: [Int], to target: Int, _ output: inout [UInt8]) throws {
        guard axis < blocks.count else { return try copy([], at: indexes, to: target, &output) }
        let block = blocks[axis]
        var element = elements.lowerBound
        while element < elements.upperBound {
            let index = element / block, place = target + element - elements.lowerBound
            let whole = element == index * block ? elements.upperBound / block - index : 0
            if whole > 0 {
                try copy([index..<index + whole] + piece.counts.dropFirst(axis + 1).map { 0..<$0 }, at: indexes, to: place, &output)
                element += whole * block
            } else {
                let end = min(elements.upperBound, (index + 1) * block)
                try read(element - index * block..<end - index * block, of: axis + 1, at: indexes + [index], to: place, &output)
                element = end
            }
        }
    }

    /// Copies ranges of the last axes, at given indexes of the first ones.
    private func copy(_ ranges: [Range<Int>], at indexes: [Int], to target: Int, _ output: inout [UInt8]) throws {
        let all = indexes.map { $0..<$0 + 1 } + ranges
        var first = 0
        for segment in piece.segments {
            let own = all[piece.axis].clamped(to: first..<first + segment.count)
            defer { first += segment.count }
            guard !own.isEmpty else { continue }
            var from = segment.start, place = target
            var box: [StridedBox.Dimension] = []
            for axis in all.indices {
                let range = axis == piece.axis ? own : all[axis]
                from += (range.lowerBound - (axis == piece.axis ? first : 0)) * segment.strides[axis]
                place += (range.lowerBound - all[axis].lowerBound) * blocks[axis]
                if range.count > 1 { box.append(.init(count: range.count, stride: segment.strides[axis], target: blocks[axis])) }
            }
            try StridedBox(box, elementBytes: elementBytes).copy(from: from, to: place, &output) { bytes, body in
                try lend(bytes, of: segment.tensor, body)
            }
        }
    }

    /// Passes bytes of a tensor, whose granule may require a larger read.
    private func lend(_ bytes: Range<Int>, of tensor: Int, _ body: (RawSpan) throws -> Void) throws {
        let granule = max(1, source.granule(of: tensor))
        let start = bytes.lowerBound / granule * granule
        let end = min((bytes.upperBound + granule - 1) / granule * granule, source.tensors[tensor].byteCount)
        try source.withElements(start..<end, of: tensor) { span in
            guard span.byteCount == end - start else {
                throw QAMError(.truncated, "\(end - start) bytes are not there", at: .init(tensor: source.tensors[tensor].name))
            }
            try body(span.extracting(bytes.lowerBound - start..<bytes.upperBound - start))
        }
    }
}
