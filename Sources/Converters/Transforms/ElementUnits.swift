import QAMFormat

/// Which bytes of a raw tensor's payload become which when its elements get another type; either may come in blocks.
struct ElementUnits {
    private let from: DType
    private let to: DType

    init(from: DType, to: DType) {
        self.from = from
        self.to = to
    }

    /// The multiple of target bytes that reads start at where the source's start at multiples of `granule` bytes, which are whole
    /// blocks.
    func granule(_ granule: Int) -> Int {
        // The source's blocks as elements, rounded up to whole blocks of the target.
        let elements = max(1, granule / from.blockBytes) * from.blockElements
        let common = elements / greatestCommonDivisor(elements, to.blockElements) * to.blockElements
        return common / to.blockElements * to.blockBytes
    }

    /// The source's bytes for these of the target, which are whole blocks of both.
    func source(_ target: Range<Int>) -> Range<Int> { source(target.lowerBound)..<source(target.upperBound) }

    private func source(_ offset: Int) -> Int { offset / to.blockBytes * to.blockElements / from.blockElements * from.blockBytes }
}
