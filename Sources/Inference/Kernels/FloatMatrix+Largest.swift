extension FloatMatrix {
    /// The index of the largest element of a vector, the first of equal ones. O(width).
    func largestIndex(_ t: Int) -> Int {
        withVectors(t..<t + 1) { numbers in
            var best = 0
            for index in numbers.indices where numbers[index] > numbers[best] { best = index }
            return best
        }
    }
}
