<?php

// What the examples need to know. The values come from the environment, so that the examples run
// as they are; in a page of yours they are constants.

declare(strict_types=1);

require __DIR__ . '/../autoload.php';

/** Where Fantail's control port is. */
define('CONTROL', getenv('CONTROL') ?: 'unix:///run/fantail/control.sock');

/** Fantail's wson.secret, and its wson.digest. */
define('WSON_SECRET', getenv('WSON_SECRET') ?: 'change-me');
define('WSON_DIGEST', getenv('WSON_DIGEST') ?: 'hmac-sha256');

/** Where browsers reach Fantail. Its host is that of the page, or the cookies do not get there. */
define('WEBSOCKET', getenv('WEBSOCKET') ?: 'ws://127.0.0.1:8099/');

/** Where DRC is: for PHP, and for browsers, which may come through a proxy. */
define('DRC', getenv('DRC') ?: 'ws://127.0.0.1:7328/drc');
define('DRC_FOR_BROWSERS', getenv('DRC_FOR_BROWSERS') ?: DRC);

/** An origin of drc.origins, and a token of drc.tokens; null where the address is enough. */
define('ORIGIN', getenv('ORIGIN') ?: 'http://127.0.0.1:8000');
define('DRC_TOKEN', getenv('DRC_TOKEN') ?: null);

/** Where dSock's API is, and where browsers reach it; and Fantail's dsock.token. */
define('DSOCK', getenv('DSOCK') ?: 'http://127.0.0.1:6241');
define('DSOCK_FOR_BROWSERS', getenv('DSOCK_FOR_BROWSERS') ?: 'ws://127.0.0.1:6241');
define('DSOCK_TOKEN', getenv('DSOCK_TOKEN') ?: 'change-me');

/** For how many seconds a worker waits for those who have not come yet. */
define('PATIENCE', (float) (getenv('PATIENCE') ?: 30));

/** Who is logged in: a file for each user with the tokens of the browsers. Yours is a database. */
define('LOGINS', getenv('LOGINS') ?: sys_get_temp_dir() . '/fantail-example');

/** Remembers a browser. */
function remember(string $user, string $token): void
{
    if (!is_dir(LOGINS)) {
        mkdir(LOGINS, 0700);
    }
    file_put_contents(file_of($user), "$token\n", FILE_APPEND | LOCK_EX);
}

/** @return list<string> the tokens of a user's browsers */
function tokens(string $user): array
{
    $file = file_of($user);
    return is_file($file) ? file($file, FILE_IGNORE_NEW_LINES) : [];
}

function file_of(string $user): string
{
    return LOGINS . '/' . hash('sha256', $user);
}
