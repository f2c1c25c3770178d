/// A small upper triangular matrix D: a block on the diagonal of a Cholesky factor.
struct UpperTriangle {
    let columns: Int
    /// By columns: (0, 0), (0, 1), (1, 1) and so on.
    let elements: [Double]

    /// - Parameter element: the element of a row and a column; row <= column.
    init(columns: Int, _ element: (Int, Int) -> Double) {
        self.columns = columns
        elements = (0..<columns).flatMap { column in (0...column).map { element($0, column) } }
    }

    /// Replaces the row vector x by x D^-1. Elements whose diagonal element is zero become zero. O(columns^2 / 2).
    func divide(_ x: inout [Double]) {
        var place = 0
        for column in 0..<columns {
            var value = x[column]
            for row in 0..<column { value -= elements[place + row] * x[row] }
            let own = elements[place + column]
            x[column] = own == 0 ? 0 : value / own
            place += column + 1
        }
    }
}
