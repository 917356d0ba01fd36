<?php

// What the scripts share. Each takes the address of the control port as its first argument.

declare(strict_types=1);

error_reporting(E_ALL);
set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    if (error_reporting() & $level) {
        throw new ErrorException($message, 0, $level, $file, $line);
    }
    return false;
});

require __DIR__ . '/../../clients/php/autoload.php';

function expect(mixed $expected, mixed $found, string $what): void
{
    if ($expected !== $found) {
        $shown = var_export($found, true);
        throw new RuntimeException("$what: expected " . var_export($expected, true) . ", not $shown");
    }
}

/** @param class-string<Throwable> $class */
function expect_exception(string $class, string $part, callable $action): void
{
    try {
        $action();
    } catch (Throwable $exception) {
        if ($exception instanceof $class && str_contains($exception->getMessage(), $part)) {
            return;
        }
        throw $exception;
    }
    throw new RuntimeException("no $class");
}
