/// The words of PromQL.
enum PromQLGrammar {
    static let aggregators: Set<String> = [
        "avg", "bottomk", "count", "count_values", "group", "limit_ratio", "limitk", "max", "min", "quantile", "stddev",
        "stdvar", "sum", "topk",
    ]

    /// Words that are no metric names.
    static let reserved: Set<String> = [
        "and", "atan2", "bool", "by", "group_left", "group_right", "ignoring", "offset", "on", "or", "unless",
        "without",
    ]

    static let functions: Set<String> = [
        "abs", "absent", "absent_over_time", "acos", "acosh", "asin", "asinh", "atan", "atanh", "avg_over_time", "ceil",
        "changes", "clamp", "clamp_max", "clamp_min", "cos", "cosh", "count_over_time", "day_of_month", "day_of_week",
        "day_of_year", "days_in_month", "deg", "delta", "deriv", "double_exponential_smoothing", "exp",
        "first_over_time", "floor", "histogram_avg", "histogram_count", "histogram_fraction", "histogram_quantile",
        "histogram_stddev", "histogram_stdvar", "histogram_sum", "holt_winters", "hour", "idelta", "increase", "info",
        "irate", "label_join", "label_replace", "last_over_time", "ln", "log10", "log2", "mad_over_time",
        "max_over_time", "min_over_time", "minute", "month", "pi", "predict_linear", "present_over_time",
        "quantile_over_time", "rad", "rate", "resets", "round", "scalar", "sgn", "sin", "sinh", "sort", "sort_by_label",
        "sort_by_label_desc", "sort_desc", "sqrt", "stddev_over_time", "stdvar_over_time", "sum_over_time", "tan",
        "tanh", "time", "timestamp", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time",
        "ts_of_min_over_time", "vector", "year",
    ]

    /// Name and precedence when a token is a binary operator; higher binds tighter.
    static func binaryOperator(_ token: PromQLToken) -> (name: String, precedence: Int)? {
        switch token.kind {
        case .symbol(let symbol):
            switch symbol {
            case "==", "!=", "<", "<=", ">", ">=": (symbol, 3)
            case "+", "-": (symbol, 4)
            case "*", "/", "%": (symbol, 5)
            case "^": (symbol, 6)
            default: nil
            }
        case .identifier(let name):
            switch name.lowercased() {
            case "or": ("or", 1)
            case "and": ("and", 2)
            case "unless": ("unless", 2)
            case "atan2": ("atan2", 5)
            default: nil
            }
        default: nil
        }
    }
}
