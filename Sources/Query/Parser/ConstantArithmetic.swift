import Glibc

/// Arithmetic on numbers that stand in the query itself, with Prometheus' (IEEE 754) results: a division by zero is an
/// infinity or NaN, a remainder has the sign of the dividend.
enum ConstantArithmetic {
    /// nil for an operator that is not one of `+ - * / % ^`.
    static func apply(_ name: String, _ left: Double, _ right: Double) -> Double? {
        switch name {
        case "+": left + right
        case "-": left - right
        case "*": left * right
        case "/": left / right
        case "%": fmod(left, right)
        case "^": pow(left, right)
        default: nil
        }
    }
}
