/// Maps byte ranges of a raw tensor's payload between two types, either of which may be a block type.
package struct ElementUnits {
    private let from: DType
    private let to: DType

    package init(from: DType, to: DType) {
        self.from = from
        self.to = to
    }

    /// The granule in target bytes, given the source's granule in bytes; both are whole blocks.
    package func granule(_ granule: Int) -> Int {
        // The source's granule in elements, rounded up to whole blocks of the target.
        let elements = max(1, granule / from.blockBytes) * from.blockElements
        let common = elements / greatestCommonDivisor(elements, to.blockElements) * to.blockElements
        return common / to.blockElements * to.blockBytes
    }

    /// The source bytes of a range of target bytes, which must be whole blocks of both types.
    package func source(_ target: Range<Int>) -> Range<Int> { source(target.lowerBound)..<source(target.upperBound) }

    private func source(_ offset: Int) -> Int { offset / to.blockBytes * to.blockElements / from.blockElements * from.blockBytes }
}
