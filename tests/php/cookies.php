<?php

// Prints a Cookie field: cookies.php SECRET md5|hmac-sha256 [USER]

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Cookies;

$cookies = Cookies::make($argv[1], user: $argv[3] ?? null, kind: $argv[2]);
$pairs = [];
foreach ($cookies->values() as $name => $value) {
    $pairs[] = "$name=$value";
}
echo implode('; ', $pairs);

$token = str_repeat('x', 32);
foreach (['', 'a b', 'a;b', 'ü', "a\n", 'a"'] as $user) {
    expect_exception(InvalidArgumentException::class, 'user', fn () => Cookies::make('s', $user));
}
foreach (['', "$token ", str_repeat(';', 32)] as $wrong) {
    expect_exception(
        InvalidArgumentException::class,
        'token',
        fn () => Cookies::make('s', token: $wrong),
    );
}
expect_exception(InvalidArgumentException::class, 'secret', fn () => Cookies::make(''));
expect_exception(InvalidArgumentException::class, 'sha1', fn () => Cookies::make('s', kind: 'sha1'));
