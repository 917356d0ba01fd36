<?php

declare(strict_types=1);

namespace Fantail\Dsock;

/**
 * An answer of HTTP/1.1: RFC 9112.
 *
 * @internal
 */
final class Answer
{
    private const LONGEST_HEAD = 65_536;

    /** @param array<string, string> $fields by name in lower case */
    private function __construct(
        public readonly int $status,
        private readonly array $fields,
        public readonly string $body,
    ) {
    }

    /**
     * The answer that these bytes are; null if there is more to come.
     *
     * @param bool $isAll whether nothing will come any more
     *
     * @throws NoAnswerException if it is none, or not complete
     */
    public static function parse(string $bytes, bool $isAll): ?self
    {
        do {
            $end = strpos($bytes, "\r\n\r\n");
            if ($end === false) {
                $isTooLong = strlen($bytes) > self::LONGEST_HEAD;
                return $isAll || $isTooLong ? throw self::incomplete($bytes) : null;
            }
            [$status, $fields] = self::head(substr($bytes, 0, $end));
            $bytes = substr($bytes, $end + 4);
            // One of 100 to 199 only says that the answer is still to come.
        } while ($status < 200);

        $body = self::body($fields, $bytes, $isAll);
        if ($body === null) {
            return $isAll ? throw self::incomplete($bytes) : null;
        }
        return new self($status, $fields, $body);
    }

    /** The value of a header field; null if it is not there. */
    public function field(string $name): ?string
    {
        return $this->fields[strtolower($name)] ?? null;
    }

    /** @return array{int, array<string, string>} */
    private static function head(string $head): array
    {
        $lines = explode("\r\n", $head);
        if (preg_match('#\AHTTP/1\.[01] ([1-9][0-9]{2})(?: |\z)#', $lines[0], $status) !== 1) {
            throw new NoAnswerException('What answers is no web server.');
        }
        $fields = [];
        foreach (array_slice($lines, 1) as $line) {
            [$name, $value] = explode(':', $line, 2) + [1 => ''];
            $fields[strtolower(trim($name))] = trim($value);
        }
        return [(int) $status[1], $fields];
    }

    /** @param array<string, string> $fields */
    private static function body(array $fields, string $bytes, bool $isAll): ?string
    {
        if (strtolower($fields['transfer-encoding'] ?? '') === 'chunked') {
            return self::joined($bytes);
        }
        $length = $fields['content-length'] ?? null;
        if ($length === null) {
            return $isAll ? $bytes : null;
        }
        return strlen($bytes) < (int) $length ? null : substr($bytes, 0, (int) $length);
    }

    /** A body in chunks; null if the last is not there. */
    private static function joined(string $bytes): ?string
    {
        $body = '';
        $position = 0;
        while (preg_match('/\G([0-9a-fA-F]{1,8})[^\r\n]*\r\n/', $bytes, $line, 0, $position) === 1) {
            $length = (int) hexdec($line[1]);
            if ($length === 0) {
                return $body;
            }
            $body .= substr($bytes, $position + strlen($line[0]), $length);
            $position += strlen($line[0]) + $length + 2;
            if ($position > strlen($bytes)) {
                return null;
            }
        }
        return null;
    }

    private static function incomplete(string $bytes): NoAnswerException
    {
        return new NoAnswerException(
            $bytes === ''
                ? 'The server closed the connection without an answer.'
                : 'The answer is not complete.',
        );
    }
}
